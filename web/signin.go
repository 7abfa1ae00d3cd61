package web

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"exchequer/signin"
	"exchequer/views"
)

// Where people sign in and out. With several ledgers it is at the root of the host, for all
// of them.
const (
	signInProviderPath = views.SignInPath + "/provider"
	// SignInCallback is the address to which the provider sends people back.
	SignInCallback = views.SignInPath + "/callback"
)

const (
	freeSignIns  = 10               // of a client in a minute
	providerWait = 2 * time.Second  // of the page, for a provider that was not asked yet
	awayFor      = 10 * time.Minute // the time to sign in at the provider
)

// Why somebody is not let in.
var (
	errSignInFirst    = &refusal{http.StatusUnauthorized, "Sign in first."}
	errAdminsOnly     = &refusal{http.StatusForbidden, "This is for admins only. Your role is viewer."}
	errSignInTries    = &refusal{http.StatusTooManyRequests, "Too many sign-ins have been tried from here. Try again in a minute."}
	errSessionTries   = &refusal{http.StatusTooManyRequests, "Too many sessions that have ended have come from here. Try again in a minute."}
	errSessionsAway   = &refusal{http.StatusServiceUnavailable, "Who has signed in cannot be looked up right now. Try again in a moment."}
	errSignInAway     = &refusal{http.StatusServiceUnavailable, "Signing in is not possible right now. Try again in a moment."}
	errNotSignedOut   = &refusal{http.StatusServiceUnavailable, "This browser is signed out, but the session could not be ended everywhere. Sign in again and sign out once more."}
	errSignInNotBegun = &refusal{http.StatusForbidden, "This sign-in was not begun in this browser, or too long ago. Begin again."}
	errSignInRefused  = &refusal{http.StatusForbidden, "Whoever keeps the accounts did not confirm this sign-in. Begin again."}
	errNoRole         = &refusal{http.StatusForbidden, "You are known, but have no role here. Who runs this site gives roles."}
)

// signInRefusals are all of them.
var signInRefusals = []*refusal{errSignInFirst, errAdminsOnly, errSignInTries, errSessionTries, errSessionsAway, errSignInAway, errNotSignedOut, errSignInNotBegun, errSignInRefused, errNoRole}

// anonymous are the routes that are the same for everybody: nobody is asked there who they
// are.
var anonymous = []string{"/static/*", "/favicon.ico", "/robots.txt", "/manifest.webmanifest", "/theme.css", "/theme", "/healthz", "/readyz"}

// personal reports whether what a route shows may depend on who has signed in.
func (s *server) personal(route string) bool {
	return s.SignIn != nil && !slices.Contains(anonymous, route)
}

// as returns the context of a request by who has signed in.
func as(ctx context.Context, who signin.Identity) context.Context {
	if !who.SignedIn() {
		return ctx
	}
	return views.For(signin.With(ctx, who), who.Name)
}

// reader returns who has signed in, the same for all who have not.
func reader(ctx context.Context) signin.Identity {
	if who := signin.Who(ctx); who.SignedIn() {
		return who
	}
	return signin.Identity{}
}

// cookieName returns the name of a cookie of sign-in. Of one with the prefix, browsers know
// that it came by https, from this host.
func (s *server) cookieName(name string) string {
	if s.secureSite() {
		return "__Host-" + name
	}
	return name
}

func (s *server) secureSite() bool { return strings.HasPrefix(s.BaseURL, "https://") }

func (s *server) sessionCookie() string { return s.cookieName("exchequer") }
func (s *server) pendingCookie() string { return s.cookieName("exchequer-sign-in") }

// setCookie sets a cookie for so many seconds, or deletes it, whatever was set before.
func (s *server) setCookie(w http.ResponseWriter, name, value string, seconds int) {
	h := w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(set string) bool { return strings.HasPrefix(set, name+"=") })
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: s.secureSite(), SameSite: http.SameSiteLaxMode})
}

func cookieOf(r *http.Request, name string) string {
	if len(r.Header["Cookie"]) == 0 {
		return ""
	}
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// recognized returns the request with who has signed in. Without the cookie it costs
// nothing.
func (s *server) recognized(w *responseWriter, r *http.Request) *http.Request {
	if !w.personal {
		return r
	}
	token := cookieOf(r, s.sessionCookie())
	if token == "" {
		return r
	}
	w.private = true
	who, err := s.session(r, token)
	switch {
	case err == nil:
		return r.WithContext(as(r.Context(), who))
	case !errors.Is(err, signin.ErrNoSession):
		w.unrecognized = err
	case partOfAPage(r):
		// Its answer may come after that of a sign-in, whose cookie it would delete.
	default:
		s.setCookie(w, s.sessionCookie(), "", -1)
	}
	return r
}

// partOfAPage reports whether a browser asks for something that is not a page.
func partOfAPage(r *http.Request) bool {
	part := r.Header.Get("Sec-Fetch-Dest")
	return part != "" && part != "document"
}

// session returns who has the session of a token.
func (s *server) session(r *http.Request, token string) (signin.Identity, error) {
	if !s.SignIn.Known(token) {
		// To look costs the database something, so few tries are free.
		if _, _, ok := s.tries.take(counted(client(r)), s.Now()); !ok {
			return signin.Identity{}, errSessionTries
		}
	}
	who, err := s.SignIn.Find(r.Context(), token)
	if err != nil && !errors.Is(err, signin.ErrNoSession) {
		err = errors.Join(errSessionsAway, err)
	}
	return who, err
}

// require lets through who has signed in with a role or a higher one. Visitors are sent to
// sign in. Where nobody can, there is nothing.
func (s *server) require(role signin.Role, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who := signin.Who(r.Context())
		switch {
		case who.SignedIn() && who.Role >= role:
			return h(w, r)
		case s.SignIn == nil:
			return errNotFound
		case who.SignedIn():
			return errAdminsOnly
		case unwrap(w).unrecognized != nil:
			return unwrap(w).unrecognized
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			return errSignInFirst
		}
		s.seeOther(w, views.SignInPath+"?next="+url.QueryEscape(s.Root.Of(r.URL.RequestURI())))
		return nil
	}
}

func (s *server) seeOther(w http.ResponseWriter, address string) {
	w.Header()["Cache-Control"] = noStore
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// signInRoutes lists the addresses of signing in and out.
func (s *server) signInRoutes(r chi.Router) {
	if s.SignIn == nil || s.Root != "" {
		return
	}
	add := func(method, pattern string, h handler) {
		r.Method(method, pattern, s.instrument(pattern, views.ShowsNothing, h))
	}
	add(http.MethodGet, views.SignInPath, s.signInPage)
	add(http.MethodPost, views.SignInPath, s.signInByPassword)
	add(http.MethodGet, signInProviderPath, s.signInAtProvider)
	add(http.MethodGet, SignInCallback, s.signedInAtProvider)
	add(http.MethodPost, views.SignOutPath, s.signOut)
	add(http.MethodPost, views.SignOutPath+"/everywhere", s.signOutEverywhere)
}

// nextOf returns where a reader wants to go once they have signed in: a page of this site.
func nextOf(r *http.Request, next string) string {
	if next == "" {
		if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
			next = from.RequestURI()
		}
	}
	next = localPath("", next)
	if path, _, _ := strings.Cut(next, "?"); len(next) > mostLocation || strings.HasPrefix(path, views.SignInPath) || strings.HasPrefix(path, views.SignOutPath) {
		return frontOf(r)
	}
	if next == "/" {
		return frontOf(r)
	}
	return next
}

// signInPage shows the ways to sign in, and to those who have done so, how to sign out.
func (s *server) signInPage(w http.ResponseWriter, r *http.Request) error {
	return s.drawSignIn(w, r, http.StatusOK, views.SignIn{Next: nextOf(r, r.URL.Query().Get("next"))})
}

func (s *server) drawSignIn(w http.ResponseWriter, r *http.Request, status int, v views.SignIn) error {
	heading := "Sign in"
	if who := signin.Who(r.Context()); who.SignedIn() {
		heading, v.Role = "Signed in", who.Role.String()
	}
	if v.Provider = s.SignIn.ProviderName(); v.Provider != "" {
		waiting, cancel := context.WithTimeout(r.Context(), providerWait)
		defer cancel()
		v.Away = !s.SignIn.ProviderAnswers(waiting)
		v.ProviderPath = signInProviderPath + "?next=" + url.QueryEscape(v.Next)
	}
	v.Local = s.SignIn.HasLocal()
	view := views.Page{Site: s.siteFor(r.Context()), Info: views.PageInfo{Path: views.SignInPath, Name: heading, Heading: heading}}
	view.Menu, view.Sheet = s.knownEdition(s.sees(r.Context())).menu, view.Assets.Admin
	if !view.Apart {
		view.BaseURL = ""
	}
	var b bytes.Buffer
	if err := views.SignInPage(view, v).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = textHTML, noStore
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// mayTry counts a sign-in of a client.
func (s *server) mayTry(w http.ResponseWriter, r *http.Request) error {
	_, wait, ok := s.signIns.take(counted(client(r)), s.Now())
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		return errSignInTries
	}
	return nil
}

// signInByPassword signs in the local admin.
func (s *server) signInByPassword(w http.ResponseWriter, r *http.Request) error {
	// First the form, for which there is little time: what is not read keeps its sender
	// from the answer.
	if err := readForm(w, r); err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	if err := s.mayTry(w, r); err != nil {
		return err
	}
	next := nextOf(r, cmp.Or(r.PostForm.Get("next"), frontOf(r)))
	name := r.PostForm.Get("name")
	if len(name) > 100 || !utf8.ValidString(name) {
		name = "" // no form of ours has sent it
	}
	who, token, err := s.SignIn.Password(r.Context(), cookieOf(r, s.sessionCookie()), r.PostForm.Get("name"), r.PostForm.Get("password"))
	var locked *signin.LockedError
	switch {
	case err == nil:
		return s.signedIn(w, r, who, token, next)
	case errors.As(err, &locked):
		s.record(r, signin.Event{What: signin.Locked, Problem: locked.Error()})
		w.Header().Set("Retry-After", strconv.Itoa(int(locked.Wait.Seconds())+1))
		return s.drawSignIn(w, r, http.StatusTooManyRequests, views.SignIn{Next: next, Name: name, Problem: "Too many wrong passwords. Try again in " + waitText(locked.Wait) + "."})
	case errors.Is(err, signin.ErrBusy):
		w.Header().Set("Retry-After", "2")
		return s.drawSignIn(w, r, http.StatusServiceUnavailable, views.SignIn{Next: next, Name: name, Problem: "Too many are signing in right now. Try again in a moment."})
	case errors.Is(err, signin.ErrWrong):
		s.record(r, signin.Event{What: signin.Refused, Problem: err.Error()})
		return s.drawSignIn(w, r, http.StatusForbidden, views.SignIn{Next: next, Name: name, Problem: "The name or the password is wrong."})
	}
	return errors.Join(errSignInAway, err)
}

// waitText returns a time to wait, in seconds or minutes.
func waitText(d time.Duration) string {
	if seconds := int(d.Seconds()) + 1; seconds < 100 {
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d min", int(d.Minutes())+1)
}

// signInAtProvider sends the browser to the provider.
func (s *server) signInAtProvider(w http.ResponseWriter, r *http.Request) error {
	if err := s.mayTry(w, r); err != nil {
		return err
	}
	address, kept, err := s.SignIn.Begin(r.Context(), nextOf(r, r.URL.Query().Get("next")))
	if err != nil {
		return s.signInFailed(err)
	}
	s.setCookie(w, s.pendingCookie(), kept, int(awayFor.Seconds()))
	s.seeOther(w, address)
	return nil
}

// signedInAtProvider signs in who comes back from the provider.
func (s *server) signedInAtProvider(w http.ResponseWriter, r *http.Request) error {
	if err := s.mayTry(w, r); err != nil {
		return err
	}
	who, token, next, err := s.SignIn.Finish(r.Context(), cookieOf(r, s.sessionCookie()), cookieOf(r, s.pendingCookie()), r.URL.Query())
	if !errors.Is(err, signin.ErrAway) { // else the same request may succeed in a moment
		s.setCookie(w, s.pendingCookie(), "", -1)
	}
	if err != nil {
		s.record(r, signin.Event{What: signin.Refused, Who: who, Problem: err.Error()})
		return s.signInFailed(err)
	}
	return s.signedIn(w, r, who, token, nextOf(r, cmp.Or(next, "/")))
}

// signInFailed returns what the reader learns of a failure.
func (s *server) signInFailed(err error) error {
	for why, refused := range map[error]*refusal{signin.ErrNoRole: errNoRole, signin.ErrNotBegun: errSignInNotBegun, signin.ErrRefused: errSignInRefused, signin.ErrAway: errSignInAway} {
		if errors.Is(err, why) {
			return errors.Join(refused, err)
		}
	}
	return err
}

func (s *server) signedIn(w http.ResponseWriter, r *http.Request, who signin.Identity, token, next string) error {
	s.record(r, signin.Event{What: signin.SignedIn, Who: who})
	s.setCookie(w, s.sessionCookie(), token, int(s.SignIn.Lifetime().Seconds()))
	s.seeOther(w, next)
	return nil
}

// signOut ends the session of this browser.
func (s *server) signOut(w http.ResponseWriter, r *http.Request) error {
	return s.end(w, r, signin.SignedOut, func(token string) error { return s.SignIn.SignOut(r.Context(), token) })
}

// signOutEverywhere ends all sessions of who asks.
func (s *server) signOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	return s.end(w, r, signin.SignedOutEverywhere, func(string) error {
		return s.SignIn.SignOutEverywhere(r.Context(), signin.Who(r.Context()).Subject)
	})
}

func (s *server) end(w http.ResponseWriter, r *http.Request, what signin.What, end func(token string) error) error {
	drain(r.Body)
	s.setCookie(w, s.sessionCookie(), "", -1)
	if unwrap(w).unrecognized != nil {
		return errors.Join(errNotSignedOut, unwrap(w).unrecognized)
	}
	if who := signin.Who(r.Context()); who.SignedIn() {
		if err := end(cookieOf(r, s.sessionCookie())); err != nil {
			return errors.Join(errNotSignedOut, err)
		}
		s.record(r, signin.Event{What: what, Who: who})
	}
	s.seeOther(w, signedOut(r))
	return nil
}

// record logs an event, and passes it on.
func (s *server) record(r *http.Request, e signin.Event) {
	e.Client = client(r)
	level := slog.LevelInfo
	if e.Problem != "" {
		level = slog.LevelWarn
	}
	s.Log.LogAttrs(r.Context(), level, string(e.What), slog.String("subject", printable(e.Who.Subject, logPath)), slog.String("role", e.Who.Role.String()),
		slog.String("client", printable(e.Client, logClient)), slog.String("problem", printable(e.Problem, logPath)))
	if s.OnSignIn != nil {
		s.OnSignIn(r.Context(), e)
	}
}

// frontOf returns where somebody goes who has signed in and did not say where to.
func frontOf(r *http.Request) string {
	if apart(r.Context()) {
		return views.AdminPath
	}
	return "/"
}

// signedOut returns where somebody is after signing out.
func signedOut(r *http.Request) string {
	if apart(r.Context()) {
		return views.SignInPath
	}
	return "/"
}
