package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	server := newTown().start(t)
	for _, path := range []string{"/", "/economy/richest", "/economy/wealth.json", "/nowhere", "/healthz", "/theme.css", "/static/nothing.js", "/api/v1/stats", "/api/v1/nowhere", "/api/v1/openapi.json"} {
		response, _ := ask(t, "GET", server.URL+path)
		for name, want := range fixedHeaders {
			if name == "Cross-Origin-Resource-Policy" && (strings.HasSuffix(path, ".json") || path == "/api/v1/stats") {
				want = []string{"cross-origin"}
			}
			if diff := cmp.Diff(want, response.Header.Values(name)); diff != "" {
				t.Errorf("%s: %s %s", path, name, diff)
			}
		}
		if response.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s has no request id", path)
		}
	}
}

func TestARequestKeepsASaneIdOfATrustedProxy(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"10.0.0.0/8", "127.0.0.0/8"} }
	server := tn.start(t)
	for given, kept := range map[string]bool{"abc-123.DEF_9": true, "short": false, "with space in it": false, strings.Repeat("x", 65): false} {
		response, _ := ask(t, "GET", server.URL+"/healthz", "X-Request-Id", given)
		if got := response.Header.Get("X-Request-Id"); (got == given) != kept || got == "" {
			t.Errorf("id %q became %q", given, got)
		}
	}
}

func TestNobodyElseGivesARequestItsId(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"10.0.0.0/8"} }
	response, _ := ask(t, "GET", tn.start(t).URL+"/healthz", "X-Request-Id", "abc-123.DEF_9")
	if got := response.Header.Get("X-Request-Id"); got == "abc-123.DEF_9" || got == "" {
		t.Errorf("the id is %q, want one of our own", got)
	}
}

func TestTheThemeCookieIsSecureWhereTheVisitorsConnectionIs(t *testing.T) {
	for _, c := range []struct {
		proxy, proto string
		secure       bool
	}{
		{"127.0.0.0/8", "https", true}, {"127.0.0.0/8", "https, http", true}, {"127.0.0.0/8", "http", false}, {"127.0.0.0/8", "", false},
		{"10.0.0.0/8", "https", false},
	} {
		tn := newTown()
		tn.change = func(d *Deps) { d.TrustedProxies = []string{c.proxy} }
		response, _ := ask(t, "POST", tn.start(t).URL+"/theme?theme=dark", "X-Forwarded-Proto", c.proto)
		if got := response.Cookies()[0].Secure; got != c.secure {
			t.Errorf("%q by a proxy when %s is trusted: secure %t, want %t", c.proto, c.proxy, got, c.secure)
		}
	}
}

func TestFailuresAreToldInTheReadersForm(t *testing.T) {
	server := newTown().start(t)
	for _, test := range []struct {
		method, path, accept string
		status               int
		kind, text           string
	}{
		{"GET", "/nowhere", "text/html", 404, "text/html", "There is nothing at this address."},
		{"GET", "/nowhere", "application/json", 404, "application/json", `"status":404`},
		{"GET", "/nowhere", "*/*", 404, "text/plain", "There is nothing"},
		{"GET", "/economy/nothing.csv", "text/html", 404, "text/plain", "There is nothing"},
		{"PUT", "/economy", "text/html", 405, "text/html", "does not answer"},
		{"GET", "/theme", "*/*", 405, "text/plain", "does not answer"},
	} {
		response, body := ask(t, test.method, server.URL+test.path, "Accept", test.accept)
		if response.StatusCode != test.status || !strings.HasPrefix(response.Header.Get("Content-Type"), test.kind) {
			t.Errorf("%s %s: %d %s", test.method, test.path, response.StatusCode, response.Header.Get("Content-Type"))
		}
		contains(t, body, test.text)
		if response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s may be kept", test.method, test.path)
		}
	}
	response, _ := ask(t, "PUT", server.URL+"/economy")
	if diff := cmp.Diff([]string{"GET", "HEAD"}, response.Header.Values("Allow")); diff != "" {
		t.Errorf("Allow: %s", diff)
	}
	response, _ = ask(t, "GET", server.URL+"/theme")
	if diff := cmp.Diff([]string{"POST"}, response.Header.Values("Allow")); diff != "" {
		t.Errorf("Allow: %s", diff)
	}
}

func TestAPanicBecomesTheErrorPage(t *testing.T) {
	var log strings.Builder
	tn := newTown()
	tn.log = &log
	calls := 0
	tn.change = func(d *Deps) {
		settings := d.Settings
		d.Settings = func() ledger.Settings {
			if calls++; calls > 10 {
				panic("secret")
			}
			return settings()
		}
	}
	server := tn.start(t)
	calls = 10
	response, body := ask(t, "GET", server.URL+"/economy", "Accept", "text/html")
	if response.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", response.StatusCode)
	}
	contains(t, body, "Something went wrong on our side", "<html")
	server.Close()
	contains(t, log.String(), "handler panicked", "secret", response.Header.Get("X-Request-Id"))
}

func TestTheThemeIsKeptInACookieAndNotInThePages(t *testing.T) {
	server := newTown().start(t)
	post := func(theme, back string, headers ...string) *http.Response {
		form := url.Values{"theme": {theme}, "back": {back}}.Encode()
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/theme", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		response, _ := send(t, r, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
		return response
	}
	response := post("dark", "/economy?days=7")
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/economy?days=7" {
		t.Errorf("status %d to %s", response.StatusCode, response.Header.Get("Location"))
	}
	cookie := response.Cookies()[0]
	if cookie.Value != "dark" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", cookie)
	}
	css, body := ask(t, "GET", server.URL+"/theme.css", "Cookie", "theme=dark")
	contains(t, body, "color-scheme:dark")
	if css.Header.Get("Cache-Control") != "private, no-cache" || css.Header.Get("Vary") != "Cookie" {
		t.Errorf("theme.css: %v", css.Header)
	}
	_, dark := ask(t, "GET", server.URL+"/economy", "Cookie", "theme=dark")
	_, none := ask(t, "GET", server.URL+"/economy")
	if dark != none {
		t.Error("the page differs by theme")
	}
	if response := post("dark", "/", "Sec-Fetch-Site", "cross-site"); response.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d, want 403", response.StatusCode)
	}
	if response := post(strings.Repeat("x", bodyLimit), "/"); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a form over the limit: status %d, want 400", response.StatusCode)
	}
}

func FuzzLocalPathStaysHere(f *testing.F) {
	for _, s := range []string{"/economy?days=7", "//evil.example", `/\evil.example`, "/\t/evil.example", "https://evil.example", "", "/a b", "/%2f/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		base, _ := url.Parse("https://here.example/economy")
		to, err := base.Parse(localPath(s))
		if err != nil || to.Host != "here.example" || to.Scheme != "https" {
			t.Errorf("localPath(%q) leads to %v (%v)", s, to, err)
		}
	})
}

func TestHealthTouchesNothingAndReadinessSaysWhatIsMissing(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Ready = []Check{
			{Name: "database", Missing: "cannot be reached", Check: func(ctx context.Context) error {
				<-ctx.Done() // hangs
				return errors.New("dial secret-host")
			}},
			{Name: "other", Missing: "not here", Check: func(context.Context) error { return nil }},
		}
	}
	server := tn.start(t)
	if response, body := ask(t, "GET", server.URL+"/healthz"); response.StatusCode != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %q", response.StatusCode, body)
	}
	response, body := ask(t, "GET", server.URL+"/readyz")
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", response.StatusCode)
	}
	if diff := cmp.Diff("not ready\ndatabase: cannot be reached\n", body); diff != "" {
		t.Error(diff)
	}
}

func TestReadinessTellsOfWhatPagesGoOnWithoutAndStillSaysYes(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Ready = []Check{{Name: "database", Missing: "see that it runs", Spared: true, Check: func(context.Context) error {
			return errors.New("dial secret-host")
		}}}
	}
	response, body := ask(t, "GET", tn.start(t).URL+"/readyz")
	if response.StatusCode != http.StatusOK {
		t.Errorf("readyz: %d", response.StatusCode)
	}
	if diff := cmp.Diff("ready\ndatabase: see that it runs\n", body); diff != "" {
		t.Error(diff)
	}
}

func TestCSVIsSafeAndSaysItsUnits(t *testing.T) {
	tn := newTown()
	server := tn.start(t)
	response, body := ask(t, "GET", server.URL+"/economy/activity.csv")
	if got, want := response.Header.Get("Content-Disposition"), `attachment; filename="economy-activity.csv"`; got != want {
		t.Errorf("Content-Disposition = %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	contains(t, strings.Join(rows[0], "|"), "Value moved (₤)")
	if rows[1][2] != "12.50" {
		t.Errorf("money is written %q, want 12.50", rows[1][2])
	}
	contains(t, body, "\r\n")
}

func TestOnlyTextsAreGuardedAgainstFormulas(t *testing.T) {
	var b strings.Builder
	out := newCSV(&b, ledger.Settings{Symbol: "£", Decimals: 2})
	columns := []aggregates.Column{{Title: "=name"}, {Title: "Sum", Unit: aggregates.Money}, {Title: "Day", Unit: aggregates.Day}, {Title: "Share", Unit: aggregates.Percent}}
	out.header(columns)
	for _, name := range []string{
		"=1+1", "+1", "-1", "@x", "\tx", "\rx", `a "b", c`, "plain", "",
		"  =1", "a;=1+1", "a;\t=1", "a\n=1+1", "a\r\nb", "|＝1", "\u200b=1", "a =1", "Bakery - North", "C++", "x-ray a@b", "- a", "a; - b",
	} {
		out.row(columns, []any{name, int64(-5), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), -0.25})
	}
	out.row(columns, []any{"none", nil, nil, nil})
	if err := out.end(); err != nil {
		t.Fatal(err)
	}
	want := "'=name,Sum (£),Day,Share (share of 1)\r\n"
	for _, name := range []string{
		"'=1+1", "'+1", "'-1", "'@x", `" x"`, `" x"`, `"a ""b"", c"`, "plain", "",
		`"  '=1"`, "a;'=1+1", "a; '=1", "a '=1+1", "a  b", "|'＝1", "\u200b'=1", "a '=1", "Bakery - North", "C++", "x-ray a@b", "'- a", "a; '- b",
	} {
		want += name + ",-0.05,2026-01-02,-0.25\r\n"
	}
	want += "none,,,\r\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSONSaysHowOldItIsAndInWhatUnits(t *testing.T) {
	server := newTown().start(t)
	for _, name := range []string{"overview", "inequality", "activity", "lorenz", "distribution", "wealth", "rhythm", "richest"} {
		_, body := ask(t, "GET", server.URL+"/economy/"+name+".json?days=7")
		var got struct {
			Panel, Days, State string
			AsOf, Next         time.Time
			Money              struct{ Decimals int }
			Columns            []struct{ Name, Unit string }
			Value              any
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Panel != name || got.State != "fresh" || !got.Next.After(got.AsOf) || got.Money.Decimals != 2 ||
			len(got.Columns) == 0 || got.Value == nil || got.Days != "7" {
			t.Errorf("%s: %+v", name, got)
		}
		if response, _ := ask(t, "GET", server.URL+"/economy/"+name); response.StatusCode != 200 {
			t.Errorf("page of %s: %d", name, response.StatusCode)
		}
	}
}

func TestTheClientAddressCannotBeSpoofed(t *testing.T) {
	var log strings.Builder
	tn := newTown()
	tn.log = &log
	server := tn.start(t)
	ask(t, "GET", server.URL+"/economy", "X-Forwarded-For", "6.6.6.6", "X-Real-Ip", "6.6.6.6")
	server.Close()
	contains(t, log.String(), `"client":"127.0.0.1"`)
	if strings.Contains(log.String(), "6.6.6.6") {
		t.Error("a made-up address is in the log")
	}
}

func TestShutdownLetsAColdPageEnd(t *testing.T) {
	tn := newTown()
	asked, release := make(chan struct{}), make(chan struct{})
	activity := tn.activity
	tn.activity = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		close(asked)
		<-release
		return activity(ctx, w, d)
	}
	server := tn.start(t)
	body := make(chan string, 1)
	go func() {
		_, whole := ask(t, "GET", server.URL+"/economy")
		body <- whole
	}()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- server.Config.Shutdown(context.Background()) }()
	time.Sleep(100 * time.Millisecond)
	close(release)
	contains(t, <-body, `<section id="activity"`, "</html>")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
