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
)

// A gate stands before the operators' endpoints: it lets in who has the token,
// holds back who asks too often, and writes down what was done or refused.
type gate struct {
	token *[sha256.Size]byte // its hash; nil where there is none, and nobody gets in
	limit *httprate.RateLimiter
	log   *slog.Logger
}

const (
	operatorRequests = 60 // a minute and client address
	shortestToken    = 16
)

var errToken = errors.New("the operators' token must have 16 visible ASCII characters or more")

// CheckOperatorToken returns an error for a token that New would refuse. It
// never quotes the token.
func CheckOperatorToken(token string) error {
	if token == "" {
		return nil
	}
	if len(token) < shortestToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errToken
	}
	return nil
}

// newGate returns the gate for a token; none for an empty one.
func newGate(token string, log *slog.Logger) (*gate, error) {
	g := &gate{log: log}
	g.limit = httprate.NewRateLimiter(operatorRequests, time.Minute)
	if err := CheckOperatorToken(token); err != nil || token == "" {
		return g, err
	}
	hash := sha256.Sum256([]byte(token))
	g.token = &hash
	return g, nil
}

// A deed is what an operator asked for, for the audit line.
type deed struct{ about []slog.Attr }

type deedKey struct{}

// note adds to the audit line of the request behind ctx.
func note(ctx context.Context, about ...slog.Attr) {
	if d, ok := ctx.Value(deedKey{}).(*deed); ok {
		d.about = append(d.about, about...)
	}
}

// guard puts the gate before next.
func (g *gate) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The deed travels by the context, the status by the writer.
		asked := &deed{}
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		whole := false
		defer func() { g.audit(r, answer, asked, whole) }()
		w.Header().Set("Cache-Control", "no-store")
		if status, why := g.refuse(answer, r); status != 0 {
			asked.about = append(asked.about, slog.String("reason", why))
			problem(answer, status, why)
		} else {
			next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), deedKey{}, asked)))
		}
		whole = true
	})
}

// refuse returns the status and the reason for which a request is not let in,
// 0 if it is. Whoever asks too often is not told whether the token was right.
func (g *gate) refuse(w http.ResponseWriter, r *http.Request) (status int, why string) {
	if g.limit.OnLimit(w, r, httprate.CanonicalizeIP(client(r))) {
		return http.StatusTooManyRequests, "too many requests from this address; try again in a minute"
	}
	if g.token == nil {
		return http.StatusForbidden, "the operators' endpoints are off; set EXCHEQUER_OPERATOR_TOKEN"
	}
	scheme, token, _ := strings.Cut(strings.Join(r.Header.Values("Authorization"), ", "), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		w.Header().Set("WWW-Authenticate", `Bearer realm="exchequer"`)
		return http.StatusUnauthorized, "send the operators' token: Authorization: Bearer TOKEN"
	}
	// Hashes have one length, so that the comparison tells nothing of the token's.
	hash := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(hash[:], g.token[:]) != 1 {
		return http.StatusForbidden, "this is not the operators' token"
	}
	return 0, ""
}

// client is who asks, by address: that of a trusted proxy where it forwards
// nobody's, as when an operator asks from the proxy's own machine.
func client(r *http.Request) string {
	if ip := middleware.GetClientIP(r.Context()); ip != "" {
		return ip
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// audit writes the line of a request that changes something or is refused.
func (g *gate) audit(r *http.Request, answer middleware.WrapResponseWriter, asked *deed, whole bool) {
	status := answer.Status()
	outcome := "done"
	switch {
	case !whole:
		outcome = "broken off"
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		outcome = "refused"
	case status >= http.StatusBadRequest:
		outcome = "failed"
	}
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && outcome == "done" {
		return
	}
	level := slog.LevelInfo
	if outcome != "done" {
		level = slog.LevelWarn
	}
	line := []slog.Attr{
		slog.String("client", client(r)),
		slog.String("id", answer.Header().Get("X-Request-Id")),
		slog.String("asked", r.Method+" "+r.URL.Path),
		slog.String("outcome", outcome), slog.Int("status", status),
	}
	g.log.LogAttrs(r.Context(), level, "operator", append(line, asked.about...)...)
}

// problem answers with an error document of RFC 9457.
func problem(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: why})
}
