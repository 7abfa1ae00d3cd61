package web

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/sample"
)

// below is the root of the sites of these tests.
const below = "/c/town"

// rooted returns a sampled site below a path.
func rooted(t *testing.T, base string) *server {
	t.Helper()
	tn := sampled(sample.Town(30))
	tn.change = func(d *Deps) {
		d.Root, d.BaseURL = below, base
		d.Record = asking{record{tn.statement, tn.find}, someHits}
	}
	handler, leave := tn.handler(t)
	t.Cleanup(leave)
	return handler.(*server)
}

// patterns returns the routes that answer GET.
func (s *server) patterns(t *testing.T) []string {
	t.Helper()
	var all []string
	err := chi.Walk(s.mux, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodGet {
			all = append(all, pattern)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// leaving matches addresses of a site that are written without its root. Those of files
// and probes are the same for all sites of a process.
func (s *server) leaving(t *testing.T) *regexp.Regexp {
	t.Helper()
	own := map[string]bool{}
	for _, pattern := range s.patterns(t) {
		first := strings.FieldsFunc(pattern, func(c rune) bool { return c == '/' || c == '.' })
		if len(first) > 0 && !slices.Contains([]string{"static", "favicon", "healthz", "readyz", "metrics", "health"}, first[0]) {
			own[first[0]] = true
		}
	}
	return regexp.MustCompile(`(?:^|["'>(=\s]|economy\.example\.org)/(?:` + strings.Join(slices.Sorted(maps.Keys(own)), "|") + `)\b[^"'<>\s]*`)
}

func TestASiteBelowAPathLeadsNowhereElse(t *testing.T) {
	for _, base := range []string{"", "https://economy.example.org"} {
		s := rooted(t, base)
		leaving := s.leaving(t)
		open := func(address string) (status int) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
			r.Header.Set("Accept", "text/html")
			s.ServeHTTP(w, r)
			said := w.Body.String()
			for _, name := range []string{"Location", "Content-Location", "Link"} {
				said += "\n" + w.Header().Get(name)
			}
			if found := leaving.FindAllString(said, 3); len(found) > 0 {
				t.Errorf("with the base %q, %s leads to %q", base, address, found)
			}
			return w.Code
		}
		open(below)
		shown := 0
		for _, pattern := range s.patterns(t) {
			if slices.Contains([]string{"/api/v1/openapi.json", "/api/v1/openapi.yaml", "/metrics"}, pattern) {
				continue // where addresses are below the servers that are named, or labels
			}
			if base == "" && strings.HasSuffix(pattern, ".png") {
				continue // which has no addresses; drawn once, since it is most of the work
			}
			address := strings.NewReplacer("{ref}", "ada", "{id}", "ada", "{item}", "ada", "{origin}", "town", "{name}", "pages.xml", "*", "").Replace(pattern)
			if open(below+address) == http.StatusOK {
				shown++
			}
		}
		for _, query := range []string{
			"/search?q=bread", "/search.json?q=bread", "/compare?of=supply", "/compare/add?q=supply", "/watch?item=diamond&account=ada", "/watch/add?q=ada", "/appraise?list=diamond",
			"/economy?at=2026-02-01", "/accounts/nobody", "/nothing", "/api/v1/nothing", "/market/shops?item=diamond", "/oembed?url=" + url.QueryEscape(base+below+"/economy"),
		} {
			open(below + query)
		}
		if !leaving.MatchString(`<a href="/economy">`) {
			t.Error("the test sees no address")
		}
		if shown < 170 {
			t.Errorf("only %d addresses were shown", shown)
		}
	}
}

func TestFormsOfASiteBelowAPathLeadBackToIt(t *testing.T) {
	s := rooted(t, "")
	for _, c := range []struct{ address, form, want string }{
		{"/theme", "theme=dark&back=" + below + "/market", below + "/market"},
		{"/theme", "theme=dark&back=/c/another/market", below + "/"},
		{"/appraise", "list=2+diamond", below + "/appraise?i="},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, below+c.address, strings.NewReader(c.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s with %s = %d to %q, want %q", c.address, c.form, w.Code, got, c.want)
		}
	}
}

func TestTheDescriptionOfAnAPIBelowAPathNamesItsServers(t *testing.T) {
	s := rooted(t, "")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, below+"/api/v1/openapi.json", http.NoBody))
	found := regexp.MustCompile(`"servers":\[\{"url":"([^"]*)"`).FindAllStringSubmatch(w.Body.String(), -1)
	if len(found) < 2 {
		t.Fatalf("%d servers are named", len(found))
	}
	for _, server := range found {
		if !strings.HasPrefix(server[1], below+"/") {
			t.Errorf("a server is %q", server[1])
		}
	}
}

func TestPathsBesideASiteAreNotItsOwn(t *testing.T) {
	s := rooted(t, "")
	for _, address := range []string{"/economy", "/c/another/economy", "/"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", address, w.Code)
		}
	}
}
