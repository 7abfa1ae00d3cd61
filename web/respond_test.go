package web

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAWarmPageIsTheSameBytesInEveryEncoding(t *testing.T) {
	server := newTown().start(t)
	_, plain := ask(t, "GET", server.URL+"/economy")
	contains(t, plain, "Port Test", `id="activity"`, "8,214,906")
	for _, test := range []struct{ accept, encoding string }{
		{"", ""}, {"gzip, deflate, br, zstd", "br"}, {"gzip", "gzip"}, {"br;q=0, gzip;q=0.5", "gzip"},
		{"gzip;q=0", ""}, {"*", "br"}, {"*;q=0", ""}, {"br;q=nonsense", ""}, {"identity", ""}, {"BR", "br"},
	} {
		for _, round := range []string{"first", "later"} {
			response, body := ask(t, "GET", server.URL+"/economy", "Accept-Encoding", test.accept)
			if got := response.Header.Get("Content-Encoding"); got != test.encoding {
				t.Errorf("%s answer to %q is encoded %q, want %q", round, test.accept, got, test.encoding)
			}
			if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q", got)
			}
			if decoded := decode(t, test.encoding, body); decoded != plain {
				t.Errorf("%s answer to %q differs from the plain one", round, test.accept)
			}
		}
	}
}

func TestAReaderWhoHasThePageGetsNotModified(t *testing.T) {
	server := newTown().start(t)
	response, body := ask(t, "GET", server.URL+"/")
	tag := response.Header.Get("Etag")
	if tag == "" || response.Header.Get("Cache-Control") != "public, no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", tag, response.Header.Get("Cache-Control"))
	}
	again, empty := ask(t, "GET", server.URL+"/economy", "If-None-Match", `"other", `+tag)
	if again.StatusCode != http.StatusNotModified || empty != "" {
		t.Errorf("status %d with %d bytes, want 304 without", again.StatusCode, len(empty))
	}
	for _, name := range []string{"Etag", "Cache-Control", "Vary"} {
		if diff := cmp.Diff(response.Header.Get(name), again.Header.Get(name)); diff != "" {
			t.Errorf("304 has another %s: %s", name, diff)
		}
	}
	head, nothing := ask(t, "HEAD", server.URL+"/economy")
	if head.ContentLength != int64(len(body)) || nothing != "" || head.Header.Get("Etag") != tag {
		t.Errorf("HEAD: length %d, want %d; tag %s, want %s", head.ContentLength, len(body), head.Header.Get("Etag"), tag)
	}
}

func TestASharedCacheMayKeepAPageUntilItsRefresh(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.SharedCache = true }
	response, _ := ask(t, "GET", tn.start(t).URL+"/economy")
	contains(t, response.Header.Get("Cache-Control"), "public, max-age=0, must-revalidate, s-maxage=")
}
