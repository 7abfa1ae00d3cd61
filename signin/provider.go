package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// A Provider is where people sign in by OpenID Connect.
type Provider struct {
	Issuer       string // "https://login.example.org/realms/town"
	ClientID     string
	ClientSecret string // empty for a public client
	Name         string // to be shown; "your account" if empty
	Scopes       []string
	// Claim is the claim that gives the role: its name, or a path to it, such as
	// "realm_access.roles". Who has one of the values of Admins is an admin, of Viewers a
	// viewer; "*" stands for everybody who can sign in.
	Claim           string
	Admins, Viewers []string
	Callback        string // the address to which the provider sends people back
}

// Limits on what the provider costs.
const (
	discoveryTimeout = 5 * time.Second
	exchangeTimeout  = 10 * time.Second
	shortestRetry    = time.Second
	longestRetry     = 30 * time.Second
	mostAnswer       = 1 << 20 // bytes
	mostSubject      = 255     // bytes, by the standard
	mostName         = 64      // characters
)

// Why nobody is signed in.
var (
	// ErrAway means that the provider, or the database of the sessions, does not answer.
	ErrAway = errors.New("sign-in is not possible right now")
	// ErrNotBegun means that what came back from the provider answers nothing that this
	// browser has begun.
	ErrNotBegun = errors.New("this sign-in was not begun in this browser, or too long ago")
	// ErrRefused means that the provider, or what it said, was refused.
	ErrRefused = errors.New("the provider did not confirm who this is")
	// ErrNoRole means that somebody is known to the provider, and has no role here.
	ErrNoRole = errors.New("no role here")
)

// check returns an error unless a provider can be one.
func (p *Provider) check() error {
	issuer, err := url.Parse(p.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http" || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil:
		return fmt.Errorf("the issuer %q is not the address of a provider", p.Issuer)
	case issuer.Scheme == "http" && !loopback(issuer.Hostname()):
		return fmt.Errorf("the issuer %q is not reached by https", p.Issuer)
	case p.ClientID == "":
		return errors.New("the client id is missing")
	case p.Claim == "":
		return errors.New("the claim that gives the role is missing")
	case len(p.Admins)+len(p.Viewers) == 0:
		return fmt.Errorf("no value of the claim %q gives a role", p.Claim)
	case p.Callback == "":
		return errors.New("the site's own address is not known, to which the provider sends people back")
	}
	return nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// basis returns what changes with all that gives a role.
func (p *Provider) basis() string {
	text, _ := json.Marshal([]any{p.Issuer, p.ClientID, p.Claim, p.Admins, p.Viewers}) // strings always encode
	return digest("provider", string(text))
}

func digest(kind, text string) string {
	sum := sha256.Sum256([]byte(text))
	return kind + ":" + hex.EncodeToString(sum[:16])
}

// A client is this site at the provider. What the provider says of itself is asked for
// when it is first needed, and kept.
type client struct {
	Provider
	log    *slog.Logger
	http   *http.Client
	asking singleflight.Group

	mu     sync.Mutex
	known  *oidc.Provider
	retry  time.Time     // when it may be asked again
	pause  time.Duration // until then
	reason error
}

func newClient(p Provider, log *slog.Logger) *client {
	p.Name = cmp.Or(p.Name, "your account")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout, transport.MaxConnsPerHost = discoveryTimeout, 8
	return &client{Provider: p, log: log, http: &http.Client{Transport: boundedAnswers{transport}, Timeout: exchangeTimeout}}
}

// boundedAnswers reads no more of an answer than one can have.
type boundedAnswers struct{ http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, mostAnswer), answer.Body}
	}
	return answer, err
}

// provider returns the provider. While it does not answer, it is asked again after longer
// and longer pauses, whoever wants to sign in.
func (c *client) provider(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	known, retry, reason := c.known, c.retry, c.reason
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	if time.Now().Before(retry) {
		return nil, errors.Join(ErrAway, reason)
	}
	asked := c.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), c.http), discoveryTimeout)
		defer cancel()
		found, err := oidc.NewProvider(ctx, c.Issuer)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.known = found
		if err == nil {
			return nil, nil
		}
		c.pause = min(max(2*c.pause, shortestRetry), longestRetry)
		c.retry, c.reason = time.Now().Add(c.pause), fmt.Errorf("ask the provider: %w", err)
		c.log.WarnContext(ctx, "the provider of sign-in does not answer", "issuer", c.Issuer, "again in", c.pause.String(), "error", err)
		return nil, nil
	})
	select {
	case <-ctx.Done():
		return nil, errors.Join(ErrAway, ctx.Err())
	case <-asked:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		return nil, errors.Join(ErrAway, c.reason)
	}
	return c.known, nil
}

// forget forgets what the provider said of itself.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}

// A pending is what the browser keeps while its owner is at the provider. It is of use to
// that browser alone: what comes back must answer it.
type pending struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"to"`
}

func (c *client) flow(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: c.Callback, Scopes: c.Scopes}
}

// begin returns the address at the provider, and what the browser must keep.
func (c *client) begin(ctx context.Context, next string) (address, kept string, err error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", "", err
	}
	w := pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next}
	text, err := json.Marshal(w)
	if err != nil {
		return "", "", err
	}
	address = c.flow(p).AuthCodeURL(w.State, oidc.Nonce(w.Nonce), oauth2.S256ChallengeOption(w.Verifier))
	return address, base64.RawURLEncoding.EncodeToString(text), nil
}

// finish returns who came back from the provider with a query, and where they wanted to go.
func (c *client) finish(ctx context.Context, kept string, query url.Values) (Identity, string, error) {
	var w pending
	text, err := base64.RawURLEncoding.DecodeString(kept)
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil || w.State == "" || !equal(w.State, query.Get("state")) {
		return Identity{}, "", ErrNotBegun
	}
	if problem := query.Get("error"); problem != "" {
		return Identity{}, w.Next, fmt.Errorf("%w: it says %.100q", ErrRefused, problem)
	}
	if issuer := query.Get("iss"); issuer != "" && issuer != c.Issuer {
		return Identity{}, w.Next, fmt.Errorf("%w: the answer is that of another issuer", ErrRefused)
	}
	p, err := c.provider(ctx)
	if err != nil {
		return Identity{}, w.Next, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, c.http), exchangeTimeout)
	defer cancel()
	who, err := c.identify(ctx, p, w, query.Get("code"))
	return who, w.Next, err
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// identify exchanges a code for who it is of.
func (c *client) identify(ctx context.Context, p *oidc.Provider, w pending, code string) (Identity, error) {
	token, err := c.flow(p).Exchange(ctx, code, oauth2.VerifierOption(w.Verifier))
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return Identity{}, fmt.Errorf("%w: it does not take the code: %.100q", ErrRefused, refused.ErrorCode)
	}
	if err != nil {
		c.forget() // so that the sign-in page asks the provider again, and says whether it answers
		return Identity{}, fmt.Errorf("%w: exchange the code: %w", ErrAway, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: c.ClientID}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if !equal(id.Nonce, w.Nonce) {
		return Identity{}, fmt.Errorf("%w: its token answers another request", ErrRefused)
	}
	if id.Subject == "" || len(id.Subject) > mostSubject {
		return Identity{}, fmt.Errorf("%w: its token is of nobody", ErrRefused)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	who := Identity{Subject: "oidc:" + c.Issuer + "#" + id.Subject}
	// Some providers have in the token little more than the subject.
	if _, found := claim(claims, c.Claim); (!found || nameIn(claims) == "") && p.UserInfoEndpoint() != "" {
		if err := c.more(ctx, p, token, id.Subject, claims); err != nil {
			return Identity{}, err
		}
	}
	who.Name = nameIn(claims)
	if who.Name == "" {
		who.Name = printable(id.Subject)
	}
	if who.Role = c.roleOf(claims); who.Role == Visitor {
		return who, ErrNoRole
	}
	return who, nil
}

// more adds to the claims of a token those that the provider gives for it.
func (c *client) more(ctx context.Context, p *oidc.Provider, token *oauth2.Token, subject string, claims map[string]any) error {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("%w: ask for claims: %w", ErrAway, err)
	}
	if info.Subject != subject {
		return fmt.Errorf("%w: the claims are those of somebody else", ErrRefused)
	}
	further := map[string]any{}
	if err := info.Claims(&further); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for name, value := range further {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return nil
}

// roleOf returns the highest role that claims give.
func (c *client) roleOf(claims map[string]any) Role {
	values := []string{"*"}
	switch v, _ := claim(claims, c.Claim); v := v.(type) {
	case string:
		values = append(values, v)
	case []any:
		for _, one := range v {
			// Nobody gets a role by being called as everybody is.
			if text, is := one.(string); is && text != "*" {
				values = append(values, text)
			}
		}
	}
	has := func(of []string) bool {
		return slices.ContainsFunc(of, func(value string) bool { return slices.Contains(values, value) })
	}
	switch {
	case has(c.Admins):
		return Admin
	case has(c.Viewers):
		return Viewer
	}
	return Visitor
}

// claim returns the claim of a name, or at the end of a path of names.
func claim(claims map[string]any, path string) (any, bool) {
	if v, found := claims[path]; found {
		return v, true
	}
	name, rest, further := strings.Cut(path, ".")
	within, is := claims[name].(map[string]any)
	if !further || !is {
		return nil, false
	}
	return claim(within, rest)
}

// nameIn returns the name by which claims call somebody, empty if they do not.
func nameIn(claims map[string]any) string {
	for _, name := range []string{"name", "preferred_username", "email"} {
		if text, _ := claims[name].(string); printable(text) != "" {
			return printable(text)
		}
	}
	return ""
}

// printable returns what can be shown of a name, in one line.
func printable(text string) string {
	var shown []rune
	for _, r := range text {
		if unicode.IsPrint(r) && len(shown) < mostName {
			shown = append(shown, r)
		}
	}
	return strings.TrimSpace(string(shown))
}
