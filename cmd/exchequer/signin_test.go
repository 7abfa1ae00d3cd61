package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/admin/audit"
	"exchequer/internal/testkit"
	"exchequer/signin"
)

const adminPassword = "correct horse battery"

// hashed runs exchequer password.
func hashed(t *testing.T, password string) (code int, out, said string) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(write, password+"\r\n")
	write.Close()
	input := os.Stdin
	os.Stdin = read
	defer func() { os.Stdin = input; read.Close() }()
	return exchequer(t, "password")
}

// with asks for an address with a cookie.
func with(t *testing.T, method, address string, form url.Values, cookie *http.Cookie) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// signedInAt signs the local admin in to a server.
func signedInAt(t *testing.T, server string) *http.Cookie {
	t.Helper()
	response, body := with(t, http.MethodPost, server+"/sign-in", url.Values{"name": {"admin"}, "password": {adminPassword}}, nil)
	if response.StatusCode != http.StatusSeeOther || len(response.Cookies()) != 1 {
		t.Fatalf("signing in = %s: %.500s", response.Status, body)
	}
	return response.Cookies()[0]
}

func TestTheLocalAdminSignsInToAFleetAndOutOfIt(t *testing.T) {
	if code, out, said := hashed(t, "short"); code != 1 || out != "" || !strings.Contains(said, "12 or more") {
		t.Errorf("a short password = %d, %q, %q", code, out, said)
	}
	code, hash, said := hashed(t, adminPassword)
	if hash = strings.TrimSpace(hash); code != 0 || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash+said, adminPassword) {
		t.Fatalf("password = %d, %q, %q", code, hash, said)
	}
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("EXCHEQUER_ADMIN_PASSWORD_HASH", hash)
	one, two := startChild(t, "", "serve"), start(t, "serve")
	for _, log := range []string{one.said.String(), two.said.String()} {
		if !strings.Contains(log, `"sign-in":"password"`) || strings.Contains(log, hash) {
			t.Errorf("the log says %s", log)
		}
	}
	here, elsewhere := signedInAt(t, one.url), signedInAt(t, two.url)
	for server, cookie := range map[string]*http.Cookie{one.url: elsewhere, two.url: here} {
		if _, page := with(t, http.MethodGet, server+"/", nil, cookie); !strings.Contains(page, "Sign out") {
			t.Errorf("who has signed in at one process is a visitor of another")
		}
	}
	if response, _ := with(t, http.MethodPost, one.url+"/sign-out/everywhere", nil, here); response.StatusCode != http.StatusSeeOther {
		t.Errorf("signing out everywhere = %s", response.Status)
	}
	until(t, "all sessions have ended in the other process", func() bool {
		_, a := with(t, http.MethodGet, two.url+"/", nil, here)
		_, b := with(t, http.MethodGet, two.url+"/", nil, elsewhere)
		return !strings.Contains(a+b, "Sign out")
	})
	for _, log := range []string{one.said.String(), two.said.String()} {
		if strings.Contains(log, adminPassword) || strings.Contains(log, here.Value) || strings.Contains(log, elsewhere.Value) {
			t.Error("the log has a secret")
		}
	}
	if !strings.Contains(one.said.String(), `"signed out everywhere","subject":"local:admin"`) {
		t.Errorf("the log does not say who signed out: %s", one.said)
	}
}

func TestASignInThatMakesNoSenseIsRefusedAtTheStart(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	oidc := []string{"--oidc-issuer", "https://login.example.org", "--oidc-client-id", "exchequer", "--oidc-admins", "admins"}
	for want, args := range map[string][]string{
		"EXCHEQUER_URL must say":        oidc,
		"not reached by https":          {"--url", "https://economy.example.org", "--oidc-issuer", "http://login.example.org", "--oidc-client-id", "a", "--oidc-admins", "b"},
		"no value of the claim":         {"--url", "https://economy.example.org", "--oidc-issuer", "https://login.example.org", "--oidc-client-id", "a"},
		"client id is missing":          {"--url", "https://economy.example.org", "--oidc-issuer", "https://login.example.org", "--oidc-admins", "b"},
		"EXCHEQUER_OIDC_ISSUER is":      {"--oidc-client-id", "a"},
		"not one of argon2id":           {"--admin-password-hash", "secret"},
		"sessions of 1h0m0s":            append(oidc, "--url", "https://economy.example.org", "--session-lifetime", "1h"),
		"both EXCHEQUER_OIDC_CLIENT_SE": append(oidc, "--oidc-client-secret", "a", "--oidc-client-secret-file", "b"),
	} {
		if code, _, said := exchequer(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...); code != 1 || !strings.Contains(said, want) {
			t.Errorf("serve %q = %d, %q, want %q", args, code, said, want)
		}
	}
}

// A provider that is away is no reason not to serve.
func TestWithoutItsProviderTheSiteIsServed(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	s := start(t, "serve", "--url", "http://127.0.0.1:1", "--oidc-issuer", "http://127.0.0.1:1", "--oidc-client-id", "exchequer", "--oidc-admins", "admins", "--oidc-name", "the town")
	if status, _ := get(t, s.url+"/"); status != http.StatusOK {
		t.Errorf("/ = %d", status)
	}
	if status, page := get(t, s.url+"/sign-in"); status != http.StatusOK || !strings.Contains(page, "Sign-in with the town is not possible right now") {
		t.Errorf("/sign-in = %d: %.2000s", status, page)
	}
}

func TestOneSignInServesAllLedgers(t *testing.T) {
	town, council := economy(t, "Town", "₤", 6, 1_000_00), economy(t, "Council", "€", 7, 33_00)
	_, hash, _ := hashed(t, adminPassword)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("EXCHEQUER_ADMIN_PASSWORD_HASH", strings.TrimSpace(hash))
	s := start(t, "serve", "--ledgers", ledgersFile(t, entry("town", town.Config().ConnString(), "")+entry("council", council.Config().ConnString(), "privacy = \"closed\"")))
	until(t, "the council can be read", func() bool {
		status, page := get(t, s.url+"/c/council/economy")
		return status == http.StatusUnauthorized && strings.Contains(page, "viewers only")
	})
	cookie := signedInAt(t, s.url)
	for _, address := range []string{"/", "/c/town/accounts", "/c/council/accounts"} {
		response, page := with(t, http.MethodGet, s.url+address, nil, cookie)
		if response.StatusCode != http.StatusOK || !strings.Contains(page, `action="/sign-out"`) {
			t.Errorf("%s = %s for who has signed in", address, response.Status)
		}
	}
	if status, page := get(t, s.url+"/c/town/accounts"); status != http.StatusOK || !strings.Contains(page, `href="/sign-in"`) {
		t.Errorf("a visitor of a ledger finds no way to sign in: %d", status)
	}
	if status, _ := get(t, s.url+"/c/town/sign-in"); status != http.StatusNotFound {
		t.Errorf("each ledger has a page of its own to sign in: %d", status)
	}
}

// Anybody may be refused, from as many addresses as they have.
func TestRefusedSignInsDoNotFillTheAuditLog(t *testing.T) {
	db := testkit.Postgres(t)
	note := noteSignIn(func() *pgxpool.Pool { return db }, slog.New(slog.DiscardHandler))
	for i := range 200 {
		note(t.Context(), signin.Event{What: signin.Refused, Client: fmt.Sprint("192.0.2.", i), Problem: "the name or the password is wrong\nforged=line\x00"})
	}
	note(t.Context(), signin.Event{What: signin.SignedIn, Who: signin.Identity{Subject: "local:admin", Name: "admin", Role: signin.Admin}, Client: "192.0.2.1"})
	all, err := audit.List(t.Context(), db, audit.Filter{}, 500)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 || all[0].Result != audit.Done || len(all) < refusedAtOnce || len(all) > refusedAtOnce+5 {
		t.Errorf("%d entries are noted, want %d and the sign-in", len(all), refusedAtOnce)
	}
}
