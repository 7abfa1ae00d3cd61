package signin

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"exchequer/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = testkit.Password

// inMemory is a store for tests in fake time.
type inMemory struct {
	mu   sync.Mutex
	rows map[string]row
	down error // what every call returns
}

type row struct {
	data    []byte
	expires time.Time
}

func (m *inMemory) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.rows[token]
	return r.data, found && time.Now().Before(r.expires), m.down
}

func (m *inMemory) CommitCtx(_ context.Context, token string, data []byte, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string]row{}
	}
	m.rows[token] = row{data, expires}
	return m.down
}

func (m *inMemory) DeleteCtx(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, token)
	return m.down
}

func (m *inMemory) extend(_ context.Context, token string, until time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, found := m.rows[token]
	if found {
		r.expires = until
		m.rows[token] = r
	}
	return found, m.down
}

func (m *inMemory) end(context.Context, string) error   { return m.down }
func (m *inMemory) clean(context.Context) error         { return m.down }
func (m *inMemory) Find(t string) ([]byte, bool, error) { return m.FindCtx(context.Background(), t) }
func (m *inMemory) Delete(t string) error               { return m.DeleteCtx(context.Background(), t) }
func (m *inMemory) Commit(t string, d []byte, until time.Time) error {
	return m.CommitCtx(context.Background(), t, d, until)
}

// deps are those of a site with a local admin.
func deps(db *pgxpool.Pool) Deps {
	return Deps{
		Config: Config{LocalHash: testkit.PasswordHash(), Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		DB:     func() *pgxpool.Pool { return db }, Log: slog.New(slog.DiscardHandler),
	}
}

// started returns the service of these dependencies.
func started(t *testing.T, d Deps) *Service {
	t.Helper()
	s, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const callback = "http://127.0.0.1:9/sign-in/callback"

// atProvider returns the site at a provider.
func atProvider(issuer string) *Provider {
	return &Provider{Issuer: issuer, ClientID: "exchequer", ClientSecret: "secret", Name: "the town", Scopes: []string{"openid", "profile"},
		Claim: "groups", Admins: []string{"town-admins"}, Viewers: []string{"town-viewers"}, Callback: callback}
}

// atLogin signs somebody in at the provider's own page, and returns with what the provider
// sends the browser back.
func atLogin(t *testing.T, address, name string) url.Values {
	t.Helper()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute, CheckRedirect: func(to *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(to.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, page.Body)
	page.Body.Close()
	id := page.Request.URL.Query().Get("authRequestID")
	form := page.Request.URL.ResolveReference(&url.URL{Path: "/login/username"})
	answer, err := browser.PostForm(form.String(), url.Values{"id": {id}, "username": {name}, "password": {"verysecure"}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("the provider does not send %s back: %s at %s", name, answer.Status, answer.Request.URL)
	}
	return back.Query()
}

// testProvider starts the provider that all tests of this package use.
func testProvider(t *testing.T) string { return testkit.OIDCProvider(t, callback) }
