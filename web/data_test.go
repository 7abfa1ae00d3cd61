package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/dump"
)

func TestADumpIsServedInRangesAndByItsDigest(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	january := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	batch := func(ref string) ledger.Batch {
		return ledger.Batch{
			Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}},
			Transactions: []ledger.Transaction{{Origin: "o", Ref: ref, At: january, Source: "pay",
				Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}},
		}
	}
	write := func(ref string, now time.Time) {
		t.Helper()
		if _, err := ledger.New(db).Append(t.Context(), batch(ref)); err != nil {
			t.Fatal(err)
		}
		if _, err := dump.Write(t.Context(), db, dir, "CC BY 4.0", true, now); err != nil {
			t.Fatal(err)
		}
	}
	tn := newTown()
	tn.change = func(d *Deps) {
		data, err := dump.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { data.Close() })
		d.Data, d.BaseURL = data, "https://economy.example.org"
	}
	server := tn.start(t)
	for _, path := range []string{"/data/", "/data/manifest.json", "/data/feed.atom", "/data/accounts.parquet"} {
		if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s = %s before anything is published", path, response.Status)
		}
	}
	write("1", january.AddDate(0, 2, 0))
	if _, home := ask(t, "GET", server.URL+"/economy/bridge"); !strings.Contains(home, `href="/data/"`) {
		t.Error("no page leads to the files that are published")
	}

	response, whole := ask(t, "GET", server.URL+"/data/postings/2026-01.parquet")
	etag := response.Header.Get("Etag")
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(whole, "PAR1") || !strings.HasSuffix(whole, "PAR1") || response.Header.Get("Accept-Ranges") != "bytes" {
		t.Fatalf("%s, %q", response.Status, response.Header)
	}
	if got := response.Header.Get("Cache-Control"); got != strings.Join(noCache, "") {
		t.Errorf("Cache-Control = %q: the address keeps when the bytes change", got)
	}
	response, part := ask(t, "GET", server.URL+"/data/postings/2026-01.parquet", "Range", "bytes=-4", "If-Range", etag)
	if response.StatusCode != http.StatusPartialContent || part != "PAR1" {
		t.Errorf("%s, %q, want the last four bytes", response.Status, part)
	}
	response, _ = ask(t, "GET", server.URL+"/data/postings/2026-01.parquet", "If-None-Match", etag)
	if response.StatusCode != http.StatusNotModified {
		t.Errorf("%s, want 304", response.Status)
	}
	exact := "/data/postings/2026-01.parquet?sha256=" + strings.Trim(etag, `"`)
	response, _ = ask(t, "GET", server.URL+exact)
	if got := response.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control = %q by the digest", got)
	}
	_, page := ask(t, "GET", server.URL+"/data/")
	contains(t, page, exact, "2026-01", "CC BY 4.0", "duckdb -c")
	_, manifest := ask(t, "GET", server.URL+"/data/manifest.json")
	contains(t, manifest, `"schema_version": 1`, strings.Trim(etag, `"`))
	_, feed := ask(t, "GET", server.URL+"/data/feed.atom")
	contains(t, feed, "<title>2026-01 is published</title>", `href="https://economy.example.org/data/#2026-01"`)
	for _, path := range []string{"/data/.lock", "/data/../data/.lock", "/data/%2e%2e/x", "/data/postings", "/data/postings/..%2f.lock"} {
		if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s = %s", path, response.Status)
		}
	}

	write("2", january.AddDate(0, 2, 1))
	if response, _ := ask(t, "GET", server.URL+exact); response.StatusCode != http.StatusNotFound {
		t.Errorf("%s by the digest of bytes that have been replaced", response.Status)
	}
	_, feed = ask(t, "GET", server.URL+"/data/feed.atom")
	contains(t, feed, "<title>2026-01 is replaced</title>", "postings")
}

func TestWithoutADumpThereIsNoData(t *testing.T) {
	server := newTown().start(t)
	for _, path := range []string{"/data/", "/data/manifest.json", "/data/feed.atom", "/data/accounts.parquet"} {
		if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s = %s", path, response.Status)
		}
	}
}
