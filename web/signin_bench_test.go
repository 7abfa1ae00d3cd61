package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"exchequer/internal/sample"
)

// BenchmarkVisitor shows what sign-in costs those who have not signed in: beside each
// other a site without it, and one with it, for a visitor without cookies and one with the
// cookie of the theme.
func BenchmarkVisitor(b *testing.B) {
	for _, c := range []struct {
		name, cookie string
		signIn       bool
	}{{"without", "", false}, {"with", "", true}, {"without, theme", "theme=dark", false}, {"with, theme", "theme=dark", true}} {
		b.Run(c.name, func(b *testing.B) {
			tn := sampled(sample.Town(30))
			if c.signIn {
				tn.change = func(d *Deps) { d.SignIn = signInService(b, nil, nil) }
			}
			site, leave := tn.handler(b)
			defer leave()
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/economy", http.NoBody)
			r.Header.Set("Accept-Encoding", "gzip")
			if c.cookie != "" {
				r.Header.Set("Cookie", c.cookie)
			}
			for range 3 {
				site.ServeHTTP(httptest.NewRecorder(), r)
			}
			b.ReportAllocs()
			for b.Loop() {
				site.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
