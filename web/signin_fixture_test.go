package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/sample"
	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/signin"
)

// signInService returns what lets the local admin sign in, and people at a provider if
// there is one.
func signInService(t testing.TB, db *pgxpool.Pool, provider *signin.Provider) *signin.Service {
	t.Helper()
	s, err := signin.New(signin.Deps{
		Config: signin.Config{Provider: provider, LocalHash: testkit.PasswordHash(), Idle: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		DB:     func() *pgxpool.Pool { return db }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A browser keeps cookies, and follows no redirects by itself.
type browser struct {
	t      *testing.T
	client *http.Client
	home   string
}

func newBrowser(t *testing.T, server *httptest.Server) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t, &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, server.URL}
}

// get asks for a page of the site, or a whole address.
func (b *browser) get(address string, headers ...string) (*http.Response, string) {
	return b.send(http.MethodGet, address, "", headers...)
}

// post sends a form of the site's own.
func (b *browser) post(address string, form url.Values, headers ...string) (*http.Response, string) {
	return b.send(http.MethodPost, address, form.Encode(), append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

func (b *browser) send(method, address, body string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.home + address
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return response, bodyOf(b.t, response)
}

// signIn signs in the local admin.
func (b *browser) signIn(next string) *http.Response {
	b.t.Helper()
	response, body := b.post("/sign-in", url.Values{"name": {"admin"}, "password": {testkit.Password}, "next": {next}})
	if response.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("signing in = %s: %.600s", response.Status, body)
	}
	return response
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// signInSite is a site over a simulated economy at which people can sign in.
func signInSite(t *testing.T, change func(*Deps)) (*server, *httptest.Server, *pgxpool.Pool) {
	t.Helper()
	db := testkit.Postgres(t)
	tn := sampled(sample.Town(30))
	tn.change = func(d *Deps) {
		d.BaseURL, d.SignIn, d.Keys = "http://localhost:9", signInService(t, db, nil), keys.NewStore(db)
		if change != nil {
			change(d)
		}
	}
	handler, leave := tn.handler(t)
	site := handler.(*server)
	served := httptest.NewServer(handler)
	t.Cleanup(func() {
		served.Close()
		leave()
	})
	return site, served, db
}
