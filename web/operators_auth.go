package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"exchequer/admin/audit"
)

// An operatorAuth guards the operators' endpoints. It requires the operators'
// token, limits the requests of each address, and writes the audit log.
type operatorAuth struct {
	token *[sha256.Size]byte // hash of the token; nil if there is none, and all requests are refused
	limit *httprate.RateLimiter
	log   *slog.Logger
	// noted is the audit log; nil: there is none. What operators do is done although it
	// cannot be noted, since they need it most when the database is down.
	noted audit.Writer
}

const (
	operatorRequests = 60 // a minute and client address
	shortestToken    = 16
)

var errToken = errors.New("the operators' token must have 16 visible ASCII characters or more")

// CheckOperatorToken returns the error of New for a token that it refuses. The
// error does not contain the token.
func CheckOperatorToken(token string) error {
	if token == "" {
		return nil
	}
	if len(token) < shortestToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errToken
	}
	return nil
}

// newOperatorAuth returns an operatorAuth that requires token. If token is empty,
// it refuses all requests.
func newOperatorAuth(token string, log *slog.Logger, noted audit.Writer) (*operatorAuth, error) {
	a := &operatorAuth{log: log, noted: noted}
	a.limit = httprate.NewRateLimiter(operatorRequests, time.Minute)
	if err := CheckOperatorToken(token); err != nil || token == "" {
		return a, err
	}
	hash := sha256.Sum256([]byte(token))
	a.token = &hash
	return a, nil
}

// An auditRecord holds what a handler adds to the audit line of its request.
type auditRecord struct{ attrs []slog.Attr }

type auditKey struct{}

// annotate adds to the audit line of the request behind ctx.
func annotate(ctx context.Context, attrs ...slog.Attr) {
	if record, ok := ctx.Value(auditKey{}).(*auditRecord); ok {
		record.attrs = append(record.attrs, attrs...)
	}
}

// middleware calls next for the requests of operators only.
func (a *operatorAuth) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := &auditRecord{}
		response := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		whole := false
		defer func() { a.audit(r, response, record, whole) }()
		w.Header().Set("Cache-Control", "no-store")
		if status, why := a.refuse(response, r); status != 0 {
			record.attrs = append(record.attrs, slog.String("reason", why))
			problem(response, status, why)
		} else {
			ended := a.begun(r)
			defer func() { ended(response, record, whole) }()
			next.ServeHTTP(response, r.WithContext(context.WithValue(r.Context(), auditKey{}, record)))
		}
		whole = true
	})
}

// refuse returns the status and the reason of a refusal, and 0 if the request is
// allowed. Past the rate limit the answer is the same for a right and a wrong
// token.
func (a *operatorAuth) refuse(w http.ResponseWriter, r *http.Request) (status int, why string) {
	if a.limit.OnLimit(w, r, httprate.CanonicalizeIP(client(r))) {
		return http.StatusTooManyRequests, "too many requests from this address; try again in a minute"
	}
	if a.token == nil {
		return http.StatusForbidden, "the operators' endpoints are off; set EXCHEQUER_OPERATOR_TOKEN"
	}
	token := bearer(r)
	if token == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="exchequer"`)
		return http.StatusUnauthorized, "send the operators' token: Authorization: Bearer TOKEN"
	}
	// All hashes have one length, so the comparison does not leak the token's.
	hash := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(hash[:], a.token[:]) != 1 {
		return http.StatusForbidden, "this is not the operators' token"
	}
	return 0, ""
}

// bearer returns the token that a request bears, empty if it bears none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(strings.Join(r.Header.Values("Authorization"), ", "), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// client returns the address of the client. It is the address of a trusted proxy
// for a request that the proxy does not forward, such as one of an operator on
// the proxy's own machine.
func client(r *http.Request) string {
	if ip := middleware.GetClientIP(r.Context()); ip != "" {
		return ip
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// audit writes the line of a request that may have changed something, was refused
// or failed. Whole reports whether its handler returned.
func (a *operatorAuth) audit(r *http.Request, response middleware.WrapResponseWriter, record *auditRecord, whole bool) {
	status := response.Status()
	outcome := outcomeOf(status, whole)
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && outcome == "done" {
		return
	}
	level := slog.LevelInfo
	if outcome != "done" {
		level = slog.LevelWarn
	}
	line := []slog.Attr{
		slog.String("client", client(r)),
		slog.String("id", response.Header().Get("X-Request-Id")),
		slog.String("asked", r.Method+" "+r.URL.Path),
		slog.String("outcome", outcome), slog.Int("status", status),
	}
	a.log.LogAttrs(r.Context(), level, "operator", append(line, record.attrs...)...)
}

// outcomeOf returns what became of a request.
func outcomeOf(status int, whole bool) string {
	switch {
	case !whole:
		return "broken off"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return "refused"
	case status >= http.StatusBadRequest:
		return "failed"
	}
	return "done"
}

// noting bounds a write into the audit log.
const noting = 2 * time.Second

// begun notes in the audit log that an operator begins to change something, and returns
// what notes the end. Who has no token is noted in the log of the program alone.
func (a *operatorAuth) begun(r *http.Request) (ended func(middleware.WrapResponseWriter, *auditRecord, bool)) {
	none := func(middleware.WrapResponseWriter, *auditRecord, bool) {}
	if a.noted == nil || r.Method != http.MethodPost {
		return none
	}
	e := audit.Entry{
		Subject: "token", Name: "operators' token", Role: "operator", Address: client(r),
		Action: "api." + r.URL.Path[strings.LastIndex(r.URL.Path, "/cache/")+1:], Result: audit.Begun,
	}
	e.Action = strings.ReplaceAll(e.Action, "/", ".")
	write := func(do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), noting)
		defer cancel()
		err := do(ctx)
		if err != nil {
			a.log.WarnContext(ctx, "what an operator did could not be noted", "action", e.Action, "error", err)
		}
		return err
	}
	var id int64
	if err := write(func(ctx context.Context) (err error) { id, err = audit.Write(ctx, a.noted, e); return err }); err != nil {
		return none
	}
	return func(response middleware.WrapResponseWriter, record *auditRecord, whole bool) {
		e.Result = audit.Done
		if outcome := outcomeOf(response.Status(), whole); outcome != "done" {
			e.Result, e.Detail = audit.Failed, outcome+"; "
		}
		var said []string
		for _, attr := range record.attrs {
			said = append(said, attr.String())
		}
		e.Detail += strings.Join(said, "; ")
		_ = write(func(ctx context.Context) error { return audit.End(ctx, a.noted, id, e) })
	}
}

// problem answers with a problem document of RFC 9457.
func problem(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: why})
}
