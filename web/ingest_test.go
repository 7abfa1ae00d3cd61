package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"

	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
)

// A desk is a site that takes what programs send to a small ledger.
type desk struct {
	*httptest.Server
	db  *pgxpool.Pool
	key string // with all scopes
	log *journal
}

// open serves a ledger with the accounts mint, ann and bob.
func openDesk(t testing.TB, change func(*Deps)) *desk {
	t.Helper()
	d := &desk{db: testkit.Postgres(t), log: &journal{}}
	accounts := []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}, {Ref: "bob", Kind: ledger.Personal}}
	if _, err := ledger.New(d.db).Append(t.Context(), ledger.Batch{Accounts: accounts}); err != nil {
		t.Fatal(err)
	}
	d.key = d.newKey(t, keys.Scopes()...)
	tn := newTown()
	tn.log = d.log
	tn.change = func(deps *Deps) {
		deps.Ledger, deps.Keys = ledger.New(d.db), keys.NewStore(d.db)
		if change != nil {
			change(deps)
		}
	}
	d.Server = tn.start(t)
	return d
}

func (d *desk) newKey(t testing.TB, scopes ...keys.Scope) string {
	t.Helper()
	key, err := keys.Create(t.Context(), d.db, "test", scopes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// post sends a body with the key, and headers given as pairs.
func (d *desk) post(t testing.TB, kind string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", d.URL+"/api/v1/"+kind, body)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, append([]string{"Authorization", "Bearer " + d.key, "Content-Type", "application/json"}, headers...)...)
}

// count returns what a query of one number returns.
func (d *desk) count(t testing.TB, query string) (n int64) {
	t.Helper()
	if err := d.db.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const grants = `[{"origin":"test","ref":"a","at":"2026-03-04T12:00:00Z","source":"grant","postings":[{"account":"mint","amount":-5},{"account":"ann","amount":5}]},
	{"origin":"test","ref":"b","at":"2026-03-04T12:00:00Z","source":"grant","message":"hello","postings":[{"account":"mint","amount":-7},{"account":"bob","amount":7}]}]`

func TestProgramsWriteEverything(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	lines := strings.ReplaceAll(grants[1:len(grants)-1], ",\n\t", "\n\n")
	for _, step := range []struct{ kind, contentType, body, want string }{
		{"accounts", "", `[{"ref":"shop","kind":"business","name":"The Shop","holder":"bob","opened":"2026-01-01T00:00:00Z"}]`, `{"records":1,"written":1,"known":0}`},
		{"accounts", "", `{"accounts":[{"ref":"shop","kind":"business","name":"Bob's"}]}`, `{"records":1,"written":1,"known":0}`},
		{"transactions", "", grants, `{"records":2,"written":2,"known":0}`},
		{"transactions", "application/x-ndjson", lines, `{"records":2,"written":0,"known":2}`},
		{"sales", "", `{"items":[{"ref":"bread","name":"Bread"}],"sales":[{"origin":"test","ref":"s","at":"2026-03-04T12:00:00Z","item":"bread","seller":"shop","buyer":"ann","quantity":2,"total":5,"transaction":"a"}]}`, `{"records":2,"written":2,"known":0}`},
		{"offers", "", `{"shops":[{"ref":"stall","owner":"shop","active":true,"seen":"2026-03-04T12:00:00Z","x":1,"z":-2}],"offers":[{"shop":"stall","item":"bread","ask":3,"batch":1,"active":true,"seen":"2026-03-04T12:00:00Z"}]}`, `{"records":2,"written":2,"known":0}`},
		{"events", "", `[{"ref":"fair","at":"2026-03-05T12:00:00Z","title":"The fair","scope":"item:bread"}]`, `{"records":1,"written":1,"known":0}`},
		{"balances", "", `{"balances":[{"account":"ann","balance":100},{"account":"bob","balance":7}],"at":"2026-03-06T00:00:00Z","origin":"snapshots"}`, `{"records":2,"written":2,"known":0}`},
		{"balances", "application/x-ndjson", `{"origin":"snapshots","at":"2026-03-06T00:00:00Z","account":"ann","balance":100}`, `{"records":1,"written":0,"known":1}`},
		{"events", "", `[]`, `{"records":0,"written":0,"known":0}`},
	} {
		var headers []string
		if step.contentType != "" {
			headers = []string{"Content-Type", step.contentType}
		}
		response, body := d.post(t, step.kind, strings.NewReader(step.body), headers...)
		if response.StatusCode != http.StatusOK || strings.TrimSpace(body) != step.want || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d: %s, want %s", step.kind, response.StatusCode, body, step.want)
		}
	}
	const query = `SELECT (SELECT count(*) FROM transactions) * 10000 + (SELECT count(*) FROM sales WHERE transaction IS NOT NULL) * 1000
		+ (SELECT count(*) FROM offers WHERE ask = 3) * 100 + (SELECT count(*) FROM events) * 10 + (SELECT count(*) FROM accounts WHERE name = 'Bob''s')`
	if n := d.count(t, query); n != 31111 {
		t.Errorf("the ledger has %d", n)
	}
	if report, err := ledger.New(d.db).Verify(t.Context()); err != nil || len(report.Differences) > 0 {
		t.Errorf("Verify = %v, %v", report, err)
	}
	if log := d.log.String(); strings.Contains(log, d.key) || strings.Contains(log, d.key[len(d.key)-26:]) || !strings.Contains(log, `"msg":"ingest"`) || !strings.Contains(log, `"key":"test"`) {
		t.Errorf("the log says %s", log)
	}
}

func TestAWrongBodyWritesNothingAndIsToldAllThatIsWrong(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	body := `{"transactions":[
		{"origin":"test","ref":"good","at":"2026-03-04T12:00:00Z","source":"grant","postings":[{"account":"mint","amount":-5},{"account":"ann","amount":5}]},
		{"origin":"test","ref":"typo","at":"yesterday","source":"grant","colour":"red","postings":[{"account":"mint","amount":-5},{"account":"ann","amount":5.5}]},
		{"origin":"test","ref":"odd","at":"2026-03-04T12:00:00Z","source":"grant","postings":[{"account":"mint","amount":-5},{"account":"ann","amount":6}]},
		{"origin":"test","ref":"who","at":"2026-03-04T12:00:00Z","source":"grant","postings":[{"account":"mint","amount":-5},{"account":"zoe","amount":5}]},
		7, {}], "prices": []}`
	response, text := d.post(t, "transactions", strings.NewReader(body))
	if response.StatusCode != http.StatusUnprocessableEntity || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d: %s", response.StatusCode, text)
	}
	var got IngestProblem
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range got.Errors {
		fmt.Fprintf(&all, "%s (%s): %s\n", p.Location, p.Ref, p.Message)
	}
	const want = `transactions[1].at (typo): expected a time such as 2026-01-31T12:00:00Z, not "yesterday"
transactions[1].postings[1].amount (typo): expected a whole number that fits in 64 bits, not 5.5
transactions[1].colour (typo): is unknown: expected origin, ref, at, source, message, postings
transactions[4] (): is no object
prices (): is unknown: expected transactions
transactions[2].postings (odd): postings sum to 1, not to zero
transactions[5].origin (): origin is empty
transactions[5].ref (): ref is empty
transactions[5].source (): source is empty
transactions[5].at (): time is missing
transactions[5].postings (): postings 0, want two or more
transactions[3].postings (who): account "zoe" is unknown; write it first, to /api/v1/accounts
`
	if all.String() != want || got.Detail != "Nothing was written: there are 12 problems." || got.More != 0 {
		t.Errorf("%s, %d more, problems:\n%s\nwant\n%s", got.Detail, got.More, all.String(), want)
	}
	response, text = d.post(t, "sales", strings.NewReader("{\"origin\":\"test\"\n\n"+`{"origin":"test","ref":"s","at":"2026-03-04T12:00:00Z","item":"cake","seller":"ann","quantity":1,"total":1,"transaction":"none"}`), "Content-Type", "application/x-ndjson")
	contains(t, text, `"location":"line 1","message":"is not JSON"`, `"location":"line 3: item","ref":"s"`, `"location":"line 3: transaction"`)
	if response.StatusCode != http.StatusUnprocessableEntity || d.count(t, `SELECT count(*) FROM transactions`) != 0 {
		t.Errorf("status %d, or something was written", response.StatusCode)
	}
}

// packed compresses.
func packed(t testing.TB, coding string, plain []byte) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if coding == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	spaces := append([]byte("["), bytes.Repeat([]byte(" "), 64<<20)...)
	for _, c := range []struct {
		name   string
		body   io.Reader
		coding string
		status int
		detail string
	}{
		{"gzip", packed(t, "gzip", []byte(grants)), "gzip", 200, ""},
		{"zstd", packed(t, "zstd", []byte(grants)), "zstd", 200, ""},
		{"a gzip bomb", packed(t, "gzip", spaces), "gzip", 413, "8 MB when it is decompressed"},
		{"a zstd bomb", packed(t, "zstd", spaces), "zstd", 413, "8 MB when it is decompressed"},
		{"a large plain body", bytes.NewReader(spaces[:10<<20]), "", 413, "8 MB"},
		{"too many records", strings.NewReader("[" + strings.Repeat("{},", 10_000) + "{}]"), "", 413, "10000 records"},
		{"too many postings", strings.NewReader(`[{"postings":[` + strings.Repeat("{},", 40_000) + "{}]}]"), "", 413, "40000 postings"},
		{"a gzip that ends early", bytes.NewReader(packed(t, "gzip", []byte(grants)).Bytes()[:60]), "gzip", 400, "read to its end"},
		{"no gzip", strings.NewReader(grants), "gzip", 400, "Content-Encoding"},
		{"no zstd", strings.NewReader(grants), "zstd", 400, "Content-Encoding"},
		{"brotli", strings.NewReader(grants), "br", 415, "gzip and zstd"},
		{"JSON that ends early", strings.NewReader(grants[:100]), "", 400, "ends in transactions[0]"},
		{"no JSON", strings.NewReader("[nothing]"), "", 400, "not JSON in transactions[0]"},
		{"nothing", strings.NewReader(""), "", 400, "ends at its start"},
		{"a number", strings.NewReader("7"), "", 400, "neither a list"},
		{"two values", strings.NewReader("[] []"), "", 400, "application/x-ndjson"},
		{"deep", strings.NewReader(strings.Repeat("[", 100_000)), "", 400, "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.coding != "" {
				headers = []string{"Content-Encoding", c.coding}
			}
			response, body := d.post(t, "transactions", c.body, headers...)
			if response.StatusCode != c.status || !strings.Contains(body, c.detail) {
				t.Errorf("status %d: %.400s, want %d with %q", response.StatusCode, body, c.status, c.detail)
			}
		})
	}
	if response, body := d.post(t, "transactions", strings.NewReader(grants), "Content-Type", "text/csv"); response.StatusCode != 415 || !strings.Contains(body, "application/x-ndjson") {
		t.Errorf("CSV: status %d: %s", response.StatusCode, body)
	}
	// A zstd frame may ask for a window of gigabytes.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00}
	if response, _ := d.post(t, "transactions", bytes.NewReader(frame), "Content-Encoding", "zstd"); response.StatusCode != 400 {
		t.Errorf("a large window: status %d", response.StatusCode)
	}
}

func TestKeysOpenWhatTheirScopesSay(t *testing.T) {
	t.Parallel()
	d := openDesk(t, func(deps *Deps) { deps.IngestRate = NewRate(3, nil) })
	sales := d.newKey(t, keys.Sales, keys.Read)
	for _, c := range []struct {
		name, authorization string
		status              int
		detail, challenge   string
	}{
		{"no key", "", 401, "Send a key", `Bearer realm="exchequer"`},
		{"no key of ours", "Bearer " + operatorToken, 401, "not known", "invalid_token"},
		{"another scope", "Bearer " + sales, 403, `lacks the scope \"transactions\"; it has [\"read\" \"sales\"]`, "insufficient_scope"},
		{"a wrong secret", "Bearer " + d.key + "x", 401, "not known", "invalid_token"},
		{"the key", "Bearer " + d.key, 200, "", ""},
		{"the key", "Bearer " + d.key, 200, "", ""},
		{"the key", "Bearer " + d.key, 200, "", ""},
		{"beyond its rate", "Bearer " + d.key, 429, "more records at a time", ""},
	} {
		response, body := d.post(t, "transactions", strings.NewReader(grants), "Authorization", c.authorization)
		if response.StatusCode != c.status || !strings.Contains(body, c.detail) || !strings.Contains(response.Header.Get("WWW-Authenticate"), c.challenge) || (c.status == 429) != (response.Header.Get("Retry-After") != "") {
			t.Errorf("%s: status %d, %v: %s", c.name, response.StatusCode, response.Header, body)
		}
	}
	if response, body := newTownPost(t, grants); response.StatusCode != 503 || !strings.Contains(body, "takes no records") {
		t.Errorf("a server that takes nothing: status %d: %s", response.StatusCode, body)
	}
}

func newTownPost(t *testing.T, body string) (*http.Response, string) {
	t.Helper()
	d := &desk{Server: newTown().start(t), key: "exq_aaaaaaaaaa_b"}
	return d.post(t, "transactions", strings.NewReader(body))
}

// Of those who come while all places are taken, few wait, and the others are told when
// to come again.
func TestALoadIsRefusedAndNotQueued(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	var bodies []*io.PipeWriter
	var senders sync.WaitGroup
	statuses := make(chan int, ingestPlaces)
	for range ingestPlaces / ownPlaces {
		key := d.newKey(t, keys.Transactions)
		for range ownPlaces {
			bodies = append(bodies, d.begin(t, &senders, key, statuses))
		}
	}
	within(t, "all places are taken", func() bool {
		response, _ := d.post(t, "transactions", unsized(grants))
		return response.StatusCode == http.StatusTooManyRequests
	})
	start := time.Now()
	var refused sync.WaitGroup
	for range ingestQueue + 10 {
		refused.Go(func() {
			response, body := d.post(t, "transactions", unsized(grants))
			if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "as much as it can") {
				t.Errorf("status %d: %s", response.StatusCode, body)
			}
		})
	}
	refused.Wait()
	if took := time.Since(start); took > 3*ingestWait {
		t.Errorf("the refusals took %s", took)
	}
	for _, w := range bodies {
		if _, err := w.Write([]byte(grants[50:])); err != nil {
			t.Error(err)
		}
		w.Close()
	}
	senders.Wait()
	for range ingestPlaces {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("one who had a place: status %d", status)
		}
	}
	if n := d.count(t, `SELECT count(*) FROM transactions`); n != 2 {
		t.Errorf("%d transactions, want 2", n)
	}
}

// unsized is a body that does not say how large it is.
func unsized(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

// begin sends the beginning of the body grants with a key.
func (d *desk) begin(t *testing.T, senders *sync.WaitGroup, key string, statuses chan<- int) *io.PipeWriter {
	t.Helper()
	r, w := io.Pipe()
	senders.Go(func() {
		response, _ := d.post(t, "transactions", r, "Authorization", "Bearer "+key)
		statuses <- response.StatusCode
	})
	if _, err := w.Write([]byte(grants[:50])); err != nil { // read by the server's transport
		t.Fatal(err)
	}
	return w
}

func TestSlowBodiesOfAKeyLeavePlacesToOthers(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	var senders sync.WaitGroup
	slow, statuses := d.newKey(t, keys.Transactions), make(chan int, ingestPlaces)
	var bodies []*io.PipeWriter
	for range ownPlaces {
		bodies = append(bodies, d.begin(t, &senders, slow, statuses))
	}
	within(t, "the places of the key are taken", func() bool {
		response, _ := d.post(t, "transactions", unsized(grants), "Authorization", "Bearer "+slow)
		return response.StatusCode == http.StatusTooManyRequests
	})
	if response, body := d.post(t, "transactions", unsized(grants)); response.StatusCode != http.StatusOK {
		t.Errorf("another key: status %d: %s", response.StatusCode, body)
	}
	if response, body := d.post(t, "transactions", strings.NewReader(grants), "Authorization", "Bearer "+slow); response.StatusCode != http.StatusOK {
		t.Errorf("a small body of the key: status %d: %s", response.StatusCode, body)
	}
	for _, w := range bodies {
		if _, err := w.Write([]byte(grants[50:])); err != nil {
			t.Error(err)
		}
		w.Close()
	}
	senders.Wait()
}

func TestTheSameFromManyAtOnceIsWrittenOnce(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	written := 0
	for range 12 {
		all.Go(func() {
			response, body := d.post(t, "transactions", strings.NewReader(grants))
			var w struct{ Written int }
			if response.StatusCode != http.StatusOK || json.Unmarshal([]byte(body), &w) != nil {
				t.Errorf("status %d: %s", response.StatusCode, body)
			}
			mu.Lock()
			written += w.Written
			mu.Unlock()
		})
	}
	all.Wait()
	if n := d.count(t, `SELECT count(*) FROM transactions`); n != 2 || written != 2 {
		t.Errorf("%d transactions are there, %d were said to be written, want 2", n, written)
	}
}

func TestASlowBodyAndADatabaseThatIsAwayAreSaid(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	lock, err := d.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(t.Context())
	if _, err := lock.Exec(t.Context(), `DROP TABLE refs`); err != nil {
		t.Fatal(err)
	}
	if err := lock.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	response, body := d.post(t, "transactions", strings.NewReader(grants))
	if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" || !strings.Contains(body, "Send the same again") || strings.Contains(body, "refs") {
		t.Errorf("status %d: %s", response.StatusCode, body)
	}
	if !strings.Contains(d.log.String(), `relation \"refs\" does not exist`) {
		t.Errorf("the log says %s", d.log)
	}
}
