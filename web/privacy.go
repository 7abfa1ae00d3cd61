package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"exchequer/aggregates"
	"exchequer/keys"
	"exchequer/signin"
	"exchequer/views"
)

// A Privacy is what a ledger shows to whom. The empty one is Open.
type Privacy string

// The modes.
const (
	Open     Privacy = "open"     // everything to everybody
	Balances Privacy = "balances" // dealings to viewers only
	Closed   Privacy = "closed"   // nothing but to viewers
)

// sees returns the highest level that a role may see. It alone decides.
func (p Privacy) sees(of signin.Role) views.Level {
	switch {
	case p == Open || p == "" || of >= signin.Viewer:
		return views.ShowsDealings
	case p == Balances:
		return views.ShowsBalances
	}
	return views.ShowsNothing
}

// sights returns the levels up to which somebody sees.
func (p Privacy) sights() []views.Level {
	return slices.Compact([]views.Level{p.sees(signin.Visitor), p.sees(signin.Viewer)})
}

// sees returns the highest level that may be shown to who asks. A request about whom
// nothing is known is that of a visitor.
func (s *server) sees(ctx context.Context) views.Level {
	if all := s.Privacy.sees(signin.Visitor); all == views.ShowsDealings {
		return all
	}
	return s.Privacy.sees(signin.Who(ctx).Role)
}

// fewHolders is how many holders a sum is of at least that visitors see where dealings
// are not public.
const fewHolders = 5

const howToSignIn = " Sign in with any name, and a key of the scope read as the password; programs send Authorization: Bearer exq_… Who runs this site gives keys out."

// howToSignInHere is what browsers show instead where there is a page to sign in.
const howToSignInHere = " Sign in to see it. Programs send a key of the scope read: Authorization: Bearer exq_…"

// Why something is not shown. Their texts are pages too.
var (
	errDealings    = &refusal{http.StatusUnauthorized, "Who dealt with whom is shown to viewers only: to everybody else this economy shows its sums, and what accounts have." + howToSignIn}
	errClosed      = &refusal{http.StatusUnauthorized, "This economy is shown to viewers only." + howToSignIn}
	errFew         = &refusal{http.StatusUnauthorized, fmt.Sprintf("These are numbers of fewer than %d holders, so they are shown to viewers only.", fewHolders) + howToSignIn}
	errUnknownKey  = &refusal{http.StatusUnauthorized, "This key is not known, or it is revoked or has expired." + howToSignIn}
	errOtherKey    = &refusal{http.StatusForbidden, "This key lacks the scope \"read\", so it shows no more than without a key."}
	errTries       = &refusal{http.StatusTooManyRequests, "Too many keys that are not known have come from here. Try again when Retry-After says."}
	errKeysUnknown = &refusal{http.StatusServiceUnavailable, "Keys cannot be looked up right now. Try again in a moment."}
)

// restrictions are all of them.
var restrictions = []*refusal{errDealings, errClosed, errFew, errUnknownKey, errOtherKey, errTries, errKeysUnknown}

// restricted returns why a level is not shown to visitors.
func (p Privacy) restricted() *refusal {
	if p == Closed {
		return errClosed
	}
	return errDealings
}

// introduced returns the request with who asks, and the error to answer with unless they
// may see what the address shows. Where nothing of the ledger is shown, no key is asked
// for.
func (s *server) introduced(w *responseWriter, r *http.Request, shows views.Level) (*http.Request, error) {
	r = s.recognized(w, r)
	all := s.Privacy.sees(signin.Visitor)
	if all == views.ShowsDealings || shows <= views.ShowsNothing {
		return r, nil
	}
	w.varies = true
	if signin.Who(r.Context()).Role >= signin.Viewer {
		return r, nil
	}
	of, err := s.roleOf(r)
	if errors.Is(err, errOtherKey) && shows <= all {
		err = nil
	}
	switch {
	case err != nil:
		return r, err
	case of == signin.Viewer:
		w.private = true
		return r.WithContext(signin.With(r.Context(), signin.Identity{Role: of})), nil
	case shows > all && w.unrecognized != nil:
		return r, w.unrecognized
	case shows > all:
		return r, s.Privacy.restricted()
	case shows == views.ShowsSums:
		return r, s.ofMany(r.Context(), aggregates.PopulationAll)
	}
	return r, nil
}

// challenge sets the header by which clients learn how to sign in, if that is why they are
// refused. On a page of another site no browser asks for a password to this one, nor where
// there is a page to sign in.
func (s *server) challenge(h http.Header, r *http.Request, err error) {
	// A key is of one ledger, so each has a realm of its own.
	bearer := fmt.Sprintf("Bearer realm=%q", "exchequer"+s.Root)
	basic := fmt.Sprintf(`Basic realm=%q, charset="UTF-8"`, "exchequer"+s.Root) // for browsers
	switch {
	case errors.Is(err, errUnknownKey):
		h["Www-Authenticate"] = []string{bearer + `, error="invalid_token"`, basic}
	case errors.Is(err, errOtherKey):
		h["Www-Authenticate"] = []string{bearer + fmt.Sprintf(`, error="insufficient_scope", scope=%q`, keys.Read)}
	case errors.Is(err, errDealings), errors.Is(err, errClosed), errors.Is(err, errFew):
		h["Www-Authenticate"] = []string{bearer, basic}
	}
	asks := s.SignIn == nil || errors.Is(err, errUnknownKey) // for a password of the browser's own
	if all := h["Www-Authenticate"]; len(all) == 2 && (!asks || partOfAnother(r)) {
		h["Www-Authenticate"] = all[:1]
	}
}

// partOfAnother reports whether a browser asks for a part of a page of another site.
func partOfAnother(r *http.Request) bool {
	part, from := r.Header.Get("Sec-Fetch-Dest"), r.Header.Get("Sec-Fetch-Site")
	return part != "" && part != "document" && from != "same-origin"
}

// roleOf returns the role that a request's key gives.
func (s *server) roleOf(r *http.Request) (signin.Role, error) {
	key := bearer(r)
	if _, password, ok := r.BasicAuth(); ok && keys.LooksLike(password) { // others are those of a proxy
		key = password
	}
	if key == "" {
		return signin.Visitor, nil
	}
	known, err := s.Keys.Known(r.Context(), key)
	if errors.Is(err, keys.ErrUnknown) {
		// It may be new. To look costs the database something, so few tries are free.
		if _, _, ok := s.tries.take(counted(client(r)), s.Now()); !ok {
			return signin.Visitor, errTries
		}
		known, err = s.Keys.Find(r.Context(), key)
	}
	switch {
	case errors.Is(err, keys.ErrUnknown), errors.Is(err, keys.ErrExpired):
		return signin.Visitor, errUnknownKey
	case err != nil:
		return signin.Visitor, errors.Join(errKeysUnknown, err)
	case !known.Allows(keys.Read):
		return signin.Visitor, errOtherKey
	}
	return signin.Viewer, nil
}

// freeTries is how many unknown keys a client may try in a minute.
const freeTries = 20

// ofMany returns errFew to visitors if a population has few holders. One of none has no
// numbers.
func (s *server) ofMany(ctx context.Context, population aggregates.Population) error {
	if s.sees(ctx) == views.ShowsDealings {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	res, err := s.Economy.Ladder.Get(waiting, population)
	if err == nil && few(res.Value.Holders) {
		err = errFew
	}
	return err
}

func few(holders int64) bool { return 0 < holders && holders < fewHolders }

// crowdOf returns how many holders a value is of, 0 if it does not say.
func crowdOf(value any) int64 {
	if v, ok := value.(interface{ Crowd() int64 }); ok {
		return v.Crowd()
	}
	return 0
}

// seal makes the header that of an answer that differs between visitors and viewers. It
// is called before the header is sent, whoever sends it.
func (w *responseWriter) seal() {
	h := w.Header()
	if w.varies {
		h["Vary"] = append(slices.Clone(h["Vary"]), "Authorization")
	}
	if w.personal {
		h["Vary"] = append(slices.Clone(h["Vary"]), "Cookie")
	}
	if !w.private {
		return
	}
	h["Cache-Control"] = []string{private(h.Get("Cache-Control"))}
	// No page of another site shows what a browser has signed in for, in a frame either.
	h.Del("Access-Control-Allow-Origin")
	for _, name := range []string{"Cross-Origin-Resource-Policy", "Content-Security-Policy"} {
		h[name] = fixedHeaders[name]
	}
}

// private returns a Cache-Control for one reader alone.
func private(control string) string {
	if strings.Contains(control, "no-store") {
		return control
	}
	only := []string{"private"}
	for directive := range strings.SplitSeq(control, ",") {
		if directive = strings.TrimSpace(directive); directive != "" && directive != "public" && directive != "private" && !strings.HasPrefix(directive, "s-maxage") {
			only = append(only, directive)
		}
	}
	return strings.Join(only, ", ")
}
