package admin_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the pages that tests compare with")

func TestPagesAreAsApproved(t *testing.T) {
	o := open(t, kept(t), nil)
	for name, path := range map[string]string{
		"record":   "/admin/record?account=b",
		"merge":    "/admin/do/record.merge?account=c&into=b",
		"settings": "/admin/settings",
	} {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		got, file := strings.ReplaceAll(w.Body.String(), "><", ">\n<")+"\n", filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
		}
	}
}
