package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/signin"
	"exchequer/views"
)

func TestWhoHasSignedInSeesItOnEachPageAndNobodyElseDoes(t *testing.T) {
	var mu sync.Mutex
	var events []signin.Event
	s, server, _ := signInSite(t, func(d *Deps) {
		d.OnSignIn = func(_ context.Context, e signin.Event) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, e)
		}
	})
	visitor, ann := newBrowser(t, server), newBrowser(t, server)
	visitor.get("/economy") // a cold page may come as a stream
	before, page := visitor.get("/economy")
	if link := parse(t, page).Find("header .reader a").First(); link.AttrOr("href", "") != "/sign-in" || link.Text() != "Sign in" {
		t.Errorf("the way to sign in is %q", link.Text())
	}
	if !slices.Contains(before.Header.Values("Vary"), "Cookie") || !strings.HasPrefix(before.Header.Get("Cache-Control"), "public") {
		t.Errorf("a visitor's page: %v", before.Header)
	}

	response := ann.signIn("/economy?days=7")
	if response.Header.Get("Location") != "/economy?days=7" || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("after signing in: %v", response.Header)
	}
	for _, address := range []string{"/economy", "/economy?days=7", "/accounts", "/market", "/about/numbers", "/api", "/nothing", "/sign-in", "/search?q=a"} {
		response, own := ann.get(address)
		header := parse(t, own).Find("header.site .reader").First()
		if header.Find("bdi").Text() != "admin" || header.Find("form[action='/sign-out']").Length() != 1 {
			t.Errorf("%s shows who has signed in as %q", address, header.Text())
		}
		if control := response.Header.Get("Cache-Control"); !strings.HasPrefix(control, "private") && control != "no-store" || strings.Contains(control, "s-maxage") {
			t.Errorf("%s: Cache-Control = %q", address, control)
		}
		if !slices.Contains(response.Header.Values("Vary"), "Cookie") {
			t.Errorf("%s: Vary = %q", address, response.Header.Values("Vary"))
		}
		again, _ := ann.get(address, "If-None-Match", response.Header.Get("Etag"))
		others, text := visitor.get(address, "If-None-Match", response.Header.Get("Etag"))
		if response.Header.Get("Etag") != "" && (again.StatusCode != http.StatusNotModified && again.StatusCode != response.StatusCode || others.StatusCode == http.StatusNotModified) {
			t.Errorf("%s with the tag of who has signed in: %s for them, %s for a visitor", address, again.Status, others.Status)
		}
		if strings.Contains(text, "sign-out") {
			t.Errorf("%s shows a visitor the page of who has signed in", address)
		}
	}
	if _, after := visitor.get("/economy"); after != page {
		t.Error("a visitor's page has changed")
	}
	for _, kept := range []*renderCache{s.rendered, s.documents, s.listPages, s.prices, s.cards} {
		for key := range kept.slots.All() {
			if key.reader.SignedIn() {
				t.Errorf("the memory for pages has %q of who has signed in", key.name)
			}
		}
	}
	if _, css := ann.get("/static/nothing.css"); strings.Contains(css, "sign-out") {
		t.Error("a file asks who wants it")
	}

	if response, _ := ann.post("/sign-out", nil); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/" {
		t.Errorf("signing out: %s to %s", response.Status, response.Header.Get("Location"))
	}
	if _, page := ann.get("/economy"); strings.Contains(page, "sign-out") {
		t.Error("who has signed out is signed in")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(events) != 2 || events[0].What != signin.SignedIn || events[1].What != signin.SignedOut || events[0].Who.Subject != "local:admin" || events[0].Client != "127.0.0.1" {
		t.Errorf("events: %+v", events)
	}
}

func TestAVisitorCostsTheSessionsNothing(t *testing.T) {
	_, server, db := signInSite(t, nil)
	visitor := newBrowser(t, server)
	visitor.get("/economy")
	before := db.Stat().AcquireCount()
	for range 20 {
		visitor.get("/economy", "Cookie", "theme=dark")
	}
	if n := db.Stat().AcquireCount() - before; n != 0 {
		t.Errorf("20 pages of a visitor made %d queries", n)
	}
	// Nor do those who made a cookie up, after some tries.
	for i := range 3 * freeTries {
		made := "exchequer=" + strings.Repeat(string(rune('a'+i%26)), 43)
		if response, page := visitor.get("/economy", "Cookie", made); response.StatusCode != http.StatusOK || strings.Contains(page, "sign-out") {
			t.Fatalf("a made-up session: %s", response.Status)
		}
	}
	if n := db.Stat().AcquireCount() - before; n > 2*freeTries {
		t.Errorf("%d made-up sessions made %d queries", 3*freeTries, n)
	}
}

func TestASessionIsTheServersOwn(t *testing.T) {
	_, server, _ := signInSite(t, nil)
	made := strings.Repeat("A", 43)
	login := url.Values{"name": {"admin"}, "password": {testkit.Password}}
	b := newBrowser(t, server)
	response, _ := b.post("/sign-in", login, "Cookie", "exchequer="+made)
	cookies := response.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("signing in sets %v", cookies)
	}
	first := cookies[0]
	if first.Value == made || !first.HttpOnly || first.SameSite != http.SameSiteLaxMode || first.Path != "/" || first.Domain != "" || first.MaxAge != 7*24*3600 {
		t.Errorf("the cookie is %v", first)
	}
	response, _ = b.post("/sign-in", login, "Cookie", "exchequer="+first.Value)
	second := response.Cookies()[0]
	if second.Value == first.Value {
		t.Error("signing in again keeps the token")
	}
	c := newBrowser(t, server)
	for token, want := range map[string]bool{made: false, first.Value: false, second.Value: true} {
		if _, page := c.get("/economy", "Cookie", "exchequer="+token); strings.Contains(page, "sign-out") != want {
			t.Errorf("the token %s signs in: %t", token, !want)
		}
	}
	// Where the site is reached by https, browsers guard the cookie.
	s, _, _ := signInSite(t, func(d *Deps) { d.BaseURL = "https://economy.test" })
	if name := s.sessionCookie(); name != "__Host-exchequer" || !s.secureSite() {
		t.Errorf("by https the cookie is %s, secure %t", name, s.secureSite())
	}
}

func TestSigningOutEverywhereEndsAllSessions(t *testing.T) {
	_, server, _ := signInSite(t, nil)
	one, two := newBrowser(t, server), newBrowser(t, server)
	one.signIn("/")
	two.signIn("/")
	if _, page := two.get("/sign-in"); !strings.Contains(page, "Sign out everywhere") || !strings.Contains(page, "Your role: admin.") {
		t.Errorf("who has signed in finds %.2000s", page)
	}
	if response, _ := one.post("/sign-out/everywhere", nil); response.StatusCode != http.StatusSeeOther {
		t.Errorf("everywhere = %s", response.Status)
	}
	for _, b := range []*browser{one, two} {
		if _, page := b.get("/economy"); strings.Contains(page, "sign-out") {
			t.Error("a session goes on")
		}
	}
}

func TestNobodyIsLedElsewhere(t *testing.T) {
	_, server, _ := signInSite(t, nil)
	for next, want := range map[string]string{
		"/accounts?at=2026-01-01": "/accounts?at=2026-01-01", "": "/", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/",
		"/\tevil": "/", "javascript:alert(1)": "/", "/sign-out": "/", "/sign-in?next=/": "/", "/" + strings.Repeat("x", 2000): "/", "/c/town/accounts": "/c/town/accounts",
	} {
		b := newBrowser(t, server)
		b.client.Jar = nil
		_, page := b.get("/sign-in?next=" + url.QueryEscape(next))
		if got := parse(t, page).Find("input[name=next]").AttrOr("value", "none"); got != want {
			t.Errorf("the form for %.40q leads to %.40q", next, got)
		}
	}
	for from, want := range map[string]string{server.URL + "/accounts?days=7": "/accounts?days=7", "https://evil.example/accounts": "/", "::": "/"} {
		_, page := newBrowser(t, server).get("/sign-in", "Referer", from)
		if got := parse(t, page).Find("input[name=next]").AttrOr("value", "none"); got != want {
			t.Errorf("from %s the form leads to %q", from, got)
		}
	}
	b := newBrowser(t, server)
	if response := b.signIn("//evil.example"); response.Header.Get("Location") != "/" {
		t.Errorf("signing in leads to %q", response.Header.Get("Location"))
	}
}

func TestWrongPasswordsTellNothingAndAreFew(t *testing.T) {
	_, server, _ := signInSite(t, nil)
	b := newBrowser(t, server)
	answer := func(name, password string) (int, string) {
		t.Helper()
		response, page := b.post("/sign-in", url.Values{"name": {name}, "password": {password}, "next": {"/economy"}})
		if len(response.Cookies()) != 0 || strings.Contains(page, password) {
			t.Errorf("a wrong password is answered with %v", response.Header)
		}
		for _, written := range []string{name, `&lt;script&gt;`} {
			page = strings.Replace(page, `name="name" value="`+written+`"`, `name="name" value=""`, 1)
		}
		return response.StatusCode, page
	}
	code, wrongPassword := answer("admin", "a wrong password")
	if code != http.StatusForbidden || !strings.Contains(wrongPassword, "is wrong") {
		t.Errorf("a wrong password = %d", code)
	}
	for _, name := range []string{"nobody", "", "Admin", strings.Repeat("a", 5000), `<script>`} {
		if _, page := answer(name, "a wrong password"); page != wrongPassword && !strings.Contains(page, "Try again in") {
			t.Errorf("a wrong name is answered otherwise than a wrong password: %.1000s", page)
		}
	}
	var codes []int
	for range freeSignIns {
		code, _ := answer("admin", "a wrong password")
		codes = append(codes, code)
	}
	if !slices.Contains(codes, http.StatusTooManyRequests) {
		t.Errorf("further wrong passwords are answered %v", codes)
	}
	if response, _ := b.post("/sign-in", url.Values{"name": {"admin"}, "password": {testkit.Password}}); response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
		t.Errorf("the right one, after too many: %s", response.Status)
	}
	for _, address := range []string{"/sign-in", "/sign-out", "/sign-out/everywhere"} {
		if response, _ := b.post(address, nil, "Sec-Fetch-Site", "cross-site"); response.StatusCode != http.StatusForbidden {
			t.Errorf("a form of another site to %s: %s", address, response.Status)
		}
	}
}

func TestOnlyAdminsGetWhereAdminsAreRequired(t *testing.T) {
	s, server, _ := signInSite(t, nil)
	in := s.instrument("/for-admins", views.ShowsNothing, s.require(signin.Admin, func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("welcome"))
		return nil
	}))
	s.mux.Method(http.MethodGet, "/for-admins", in)
	s.mux.Method(http.MethodPost, "/for-admins", in)
	b := newBrowser(t, server)
	if response, _ := b.get("/for-admins?a=b"); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/sign-in?next=%2Ffor-admins%3Fa%3Db" {
		t.Errorf("a visitor: %s to %s", response.Status, response.Header.Get("Location"))
	}
	if response, _ := b.post("/for-admins", nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor's form: %s", response.Status)
	}
	b.signIn("/for-admins")
	if response, page := b.get("/for-admins"); response.StatusCode != http.StatusOK || page != "welcome" {
		t.Errorf("an admin: %s", response.Status)
	}
	for who, want := range map[signin.Identity]error{
		{Subject: "a", Role: signin.Viewer}: errAdminsOnly, {Role: signin.Admin}: errSignInFirst, {Subject: "a", Role: signin.Admin}: nil,
	} {
		r, _ := http.NewRequestWithContext(signin.With(t.Context(), who), http.MethodPost, "/", http.NoBody)
		err := s.require(signin.Admin, func(http.ResponseWriter, *http.Request) error { return nil })(&responseWriter{}, r)
		if err != want {
			t.Errorf("%+v gets %v, want %v", who, err, want)
		}
	}
	// Where nobody can sign in there is nothing.
	none, server, _ := signInSite(t, func(d *Deps) { d.SignIn = nil })
	none.mux.Method(http.MethodGet, "/for-admins", none.instrument("/for-admins", views.ShowsNothing, none.require(signin.Admin, nil)))
	if response, _ := newBrowser(t, server).get("/for-admins"); response.StatusCode != http.StatusNotFound {
		t.Errorf("without sign-in: %s", response.Status)
	}
}

func TestAClosedLedgerOpensToWhoSignsIn(t *testing.T) {
	_, server, _ := signInSite(t, func(d *Deps) { d.Privacy = Closed })
	visitor, admin := newBrowser(t, server), newBrowser(t, server)
	response, page := visitor.get("/accounts")
	main := parse(t, page).Find("main")
	if response.StatusCode != http.StatusUnauthorized || main.Find("a").First().AttrOr("href", "") != "/sign-in" || strings.Contains(main.Text(), "as the password") {
		t.Errorf("a visitor: %s, %s", response.Status, main.Text())
	}
	if ways := response.Header.Values("WWW-Authenticate"); len(ways) != 1 || !strings.HasPrefix(ways[0], "Bearer") {
		t.Errorf("the browser is asked for %q", ways)
	}
	_, form := visitor.get("/sign-in", "Referer", server.URL+"/accounts")
	if next := parse(t, form).Find("input[name=next]").AttrOr("value", ""); next != "/accounts" {
		t.Errorf("the form leads to %q", next)
	}
	admin.signIn("/accounts")
	if response, page := admin.get("/accounts"); response.StatusCode != http.StatusOK || !strings.Contains(page, "sign-out") {
		t.Errorf("who has signed in: %s", response.Status)
	}
	if response, _ := visitor.get("/accounts"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a visitor afterwards: %s", response.Status)
	}
	if response, _ := visitor.get("/accounts", "Cookie", "exchequer="+strings.Repeat("A", 43)); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a made-up session: %s", response.Status)
	}
}

func TestASiteThatCannotAskTheDatabaseGoesOn(t *testing.T) {
	_, server, db := signInSite(t, nil)
	b := newBrowser(t, server)
	b.signIn("/")
	db.Close()
	time.Sleep(signin.Remembered)
	if response, page := b.get("/economy"); response.StatusCode != http.StatusOK || strings.Contains(page, "sign-out") {
		t.Errorf("a page that everybody may see: %s", response.Status)
	}
	if response, _ := b.post("/sign-out", nil); response.StatusCode != http.StatusServiceUnavailable || response.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: %s, %v", response.Status, response.Cookies())
	}
	if response, _ := b.post("/sign-in", url.Values{"name": {"admin"}, "password": {testkit.Password}}); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("signing in: %s", response.Status)
	}
}

// The whole way, by a provider in a process of its own.
func TestPeopleSignInAtAProvider(t *testing.T) {
	const site = "http://localhost:9"
	db := testkit.Postgres(t)
	provider := &signin.Provider{Issuer: testkit.OIDCProvider(t, site+SignInCallback), ClientID: "exchequer", ClientSecret: "secret", Name: "the town", Scopes: []string{"openid", "profile"},
		Claim: "groups", Admins: []string{"town-admins"}, Viewers: []string{"town-viewers"}, Callback: site + SignInCallback}
	_, server, _ := signInSite(t, func(d *Deps) { d.SignIn, d.Privacy = signInService(t, db, provider), Closed })
	for name, want := range map[string]int{"ann": http.StatusOK, "vic": http.StatusOK, "nora": http.StatusForbidden} {
		b := newBrowser(t, server)
		_, page := b.get("/sign-in?next=/accounts")
		link := parse(t, page).Find("main a.button")
		if link.Text() != "Sign in with the town" {
			t.Fatalf("the page has %q", link.Text())
		}
		response, _ := b.get(link.AttrOr("href", ""))
		for response.StatusCode == http.StatusSeeOther || response.StatusCode == http.StatusFound {
			to, err := response.Location()
			if err != nil {
				t.Fatal(err)
			}
			if id := to.Query().Get("authRequestID"); id != "" {
				response, _ = b.post(to.Scheme+"://"+to.Host+"/login/username", url.Values{"id": {id}, "username": {name}, "password": {"verysecure"}})
				continue
			}
			if to.Path == "/accounts" {
				break
			}
			response, page = b.get(strings.Replace(to.String(), site, server.URL, 1))
		}
		if want != http.StatusOK {
			if response.StatusCode != want || !strings.Contains(page, "have no role here") {
				t.Errorf("%s: %s, %.1000s", name, response.Status, page)
			}
			continue
		}
		response, page = b.get("/accounts")
		if response.StatusCode != want || !strings.Contains(page, name+" of Town") {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
	b := newBrowser(t, server)
	if response, page := b.get(SignInCallback + "?code=a&state=b"); response.StatusCode != http.StatusForbidden || parse(t, page).Find("main a").First().Text() != "Sign in" {
		t.Errorf("a forged answer: %s", response.Status)
	}
}

func TestASignInThatCannotEndNowCanBeTriedAgain(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/openid-configuration" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		at := "http://" + r.Host
		fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": %q, "token_endpoint": %q, "jwks_uri": %q}`, at, at+"/auth", at+"/token", at+"/keys")
	}))
	defer away.Close()
	db := testkit.Postgres(t)
	provider := &signin.Provider{Issuer: away.URL, ClientID: "exchequer", Claim: "groups", Admins: []string{"town-admins"}, Callback: "http://localhost:9" + SignInCallback}
	_, server, _ := signInSite(t, func(d *Deps) { d.SignIn = signInService(t, db, provider) })
	b := newBrowser(t, server)
	response, _ := b.get("/sign-in/provider")
	to, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	back := SignInCallback + "?" + url.Values{"code": {"c"}, "state": to.Query()["state"]}.Encode()
	for range 2 {
		if response, _ := b.get(back); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("while the provider is away: %s", response.Status)
		}
	}
}
