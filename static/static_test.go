package static

import (
	"bytes"
	"io/fs"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestAHashedFileMayBeKeptForever(t *testing.T) {
	url := URL("app.css")
	if !regexp.MustCompile(`^/static/app\.[0-9a-f]{8}\.css$`).MatchString(url) {
		t.Fatalf("URL = %s", url)
	}
	for accept, encoding := range map[string]string{"": "", "gzip": "gzip", "gzip, br": "br", "br;q=0": ""} {
		r := httptest.NewRequest("GET", url, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		h := w.Result().Header
		if w.Code != 200 || h.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			h.Get("Content-Encoding") != encoding || h.Get("Content-Type") != "text/css; charset=utf-8" || h.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %d %v", accept, w.Code, h)
		}
	}
}

func TestTheStyleSheetHasAllItsParts(t *testing.T) {
	found, err := fs.Glob(files, "css/*.css")
	if err != nil || len(found) != len(parts) {
		t.Fatalf("%d files, %d parts: %v %v", len(found), len(parts), found, err)
	}
	for _, name := range parts {
		part, err := files.ReadFile(name)
		if err != nil || !bytes.Contains(all()["app.css"].bodies.plain, withoutComments(".css", part)) {
			t.Errorf("app.css lacks %s: %v", name, err)
		}
		if all()[name] != nil {
			t.Errorf("%s is served by itself", name)
		}
	}
}

// Comments are for those who read the files here. What is in a text stays.
func TestCommentsAreNotSent(t *testing.T) {
	for name, f := range all() {
		if body := string(f.bodies.plain); strings.HasSuffix(name, ".css") && strings.Contains(body, "/*") ||
			strings.HasSuffix(name, ".js") && regexp.MustCompile(`(?m)^\s*//`).MatchString(body) {
			t.Errorf("%s has comments", name)
		}
	}
	const module = "// one\nlet a = 1; // two\n\t// three\nlet b = \"https://example.org\";\n"
	if got := string(withoutComments(".js", []byte(module))); got != "let a = 1; // two\nlet b = \"https://example.org\";\n" {
		t.Errorf("a module becomes %q", got)
	}
}

func TestAnUnknownNameIsNotFound(t *testing.T) {
	for _, path := range []string{"/static/app.css", "/static/app.00000000.css", "/static/", "/static/../static.go"} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestModulesNameEachOtherByHash(t *testing.T) {
	for name, imports := range map[string][]string{"app.js": {"refresh.js", "tips.js", "search.js"}, "refresh.js": {"vendor/idiomorph.js"}, "monitor.js": {"vendor/web-vitals.js"}, "faro.js": {"vendor/faro-web-sdk.js"}} {
		body := string(all()[name].bodies.plain)
		for _, imported := range imports {
			if !strings.Contains(body, `"`+URL(imported)+`"`) {
				t.Errorf("%s does not import %s", name, URL(imported))
			}
		}
	}
}

func TestWeightsStayInTheirBudget(t *testing.T) {
	script := 0
	for _, name := range []string{"app.js", "refresh.js", "tips.js", "replay.js", "search.js", "vendor/idiomorph.js"} {
		script += len(all()[name].bodies.gzip)
	}
	css := len(all()["app.css"].bodies.gzip)
	t.Logf("script %d B, style %d B by gzip", script, css)
	if script > 10<<10 || css > 10<<10 {
		t.Errorf("script %d B, style %d B, want at most 10 KB each", script, css)
	}
}
