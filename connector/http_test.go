package connector_test

import (
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/connector"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Logs as Formance exports them: two assets, several postings, metadata, and one that is
// undone.
const formanceLogs = `{"type":"NEW_TRANSACTION","data":{"transaction":{"postings":[{"source":"world","destination":"users:001","amount":100000,"asset":"USD/2"},{"source":"world","destination":"users:001","amount":5,"asset":"GEM"}],"metadata":{"note":"{}"},"timestamp":"2026-01-01T10:00:00Z","reference":"opening","id":1,"reverted":false},"accountMetadata":{}},"date":"2026-01-01T10:00:00.123Z","idempotencyKey":"","id":1,"hash":"AA=="}
{"type":"SET_METADATA","data":{"targetType":"ACCOUNT","targetId":"users:001","metadata":{"name":"Ada"}},"date":"2026-01-01T10:00:01Z","idempotencyKey":"","id":2,"hash":"AA=="}
{"type":"NEW_TRANSACTION","data":{"transaction":{"postings":[{"source":"users:001","destination":"shops:bakery:main","amount":250,"asset":"USD/2"},{"source":"users:001","destination":"platform:fees","amount":25,"asset":"USD/2"}],"metadata":{},"timestamp":"2026-01-02T10:00:00.5+01:00","id":2,"reverted":false},"accountMetadata":null},"date":"2026-01-02T09:00:00Z","idempotencyKey":"","id":3,"hash":"AA=="}
{"type":"NEW_TRANSACTION","data":{"transaction":{"postings":[{"source":"users:001","destination":"users:002","amount":1000,"asset":"USD/2"}],"metadata":{},"timestamp":"2026-01-03T10:00:00Z","id":3,"reverted":false},"accountMetadata":null},"date":"2026-01-03T10:00:00Z","idempotencyKey":"","id":4,"hash":"AA=="}
{"type":"REVERTED_TRANSACTION","data":{"revertedTransaction":{"postings":[{"source":"users:001","destination":"users:002","amount":1000,"asset":"USD/2"}],"metadata":{},"timestamp":"2026-01-03T10:00:00Z","id":3,"reverted":true},"transaction":{"postings":[{"source":"users:002","destination":"users:001","amount":1000,"asset":"USD/2"}],"metadata":{},"timestamp":"2026-01-04T10:00:00Z","id":4,"reverted":false}},"date":"2026-01-04T10:00:00Z","idempotencyKey":"","id":5,"hash":"AA=="}
`

const formanceBalances = `platform:fees business platform:fees 25
shops:bakery:main business shops:bakery:main 250
users:001 personal users:001 99725
users:002 personal users:002 0
world system world -100000`

// An api answers as the program would, and keeps what it was asked.
type api struct {
	mu    sync.Mutex
	asked []string
}

func (a *api) serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked = append(a.asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		a.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// sourceOf returns the address of a server, with its certificate and a token.
func sourceOf(t *testing.T, server *httptest.Server, path string) string {
	t.Helper()
	folder := t.TempDir()
	ca, token := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "token")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL + path + "#token-file=" + token + "&ca=" + ca
}

func TestFormanceBecomesALedger(t *testing.T) {
	var a api
	server := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v2/main/logs/export":
			fmt.Fprint(w, formanceLogs)
		case r.URL.RequestURI() == "/v2/main/volumes":
			fmt.Fprint(w, `{"cursor":{"pageSize":2,"hasMore":true,"next":"abc=","data":[{"account":"world","asset":"USD/2","input":0,"output":100000,"balance":-100000},
				{"account":"world","asset":"GEM","balance":-5},{"account":"users:001","asset":"USD/2","balance":99725}]}}`)
		case r.URL.RequestURI() == "/v2/main/volumes?cursor=abc%3D":
			fmt.Fprint(w, `{"cursor":{"pageSize":2,"hasMore":false,"data":[{"account":"users:002","asset":"USD/2","balance":1},{"account":"shops:bakery:main","asset":"USD/2","balance":250},{"account":"platform:fees","asset":"USD/2","balance":25}]}}`)
		default:
			http.NotFound(w, r)
		}
	})
	db := testkit.Postgres(t)
	syncWith(t, db, "formance", sourceOf(t, server, "/v2/main"), map[string]string{"asset": "USD/2"})
	if d := cmp.Diff(formanceBalances, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const transactions = `SELECT concat_ws(' ', ref, to_char(at, 'YYYY-MM-DD HH24:MI:SS'), source, message, (SELECT count(*) FROM postings p WHERE p.transaction = t.id)) FROM transactions t ORDER BY id`
	want := `formance:1 2026-01-01 10:00:00 NEW_TRANSACTION opening 2
formance:2 2026-01-02 09:00:00 NEW_TRANSACTION  3
formance:3 2026-01-03 10:00:00 NEW_TRANSACTION  2
formance:4 2026-01-04 10:00:00 REVERTED_TRANSACTION  2`
	if d := cmp.Diff(want, lines(t, db, transactions)); d != "" {
		t.Errorf("transactions (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', account, ours, theirs) FROM sync_drift`) + lines(t, db, allRejects); got != "users:002 0 1" {
		t.Errorf("drift and what was left out: %s", got)
	}
	wantAsked := []string{"POST /v2/main/logs/export Bearer s3cret", "GET /v2/main/volumes Bearer s3cret", "GET /v2/main/volumes?cursor=abc%3D Bearer s3cret"}
	if d := cmp.Diff(wantAsked, a.asked); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}

	// A file of the export is the same ledger; another asset is another one.
	file := filepath.Join(t.TempDir(), "logs.ndjson")
	appendTo(t, file, formanceLogs)
	syncWith(t, db, "formance", "file:"+file, map[string]string{"asset": "USD/2"})
	if d := cmp.Diff(formanceBalances, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances after the file (-want +got):\n%s", d)
	}
	gems := testkit.Postgres(t)
	syncWith(t, gems, "formance", "file:"+file, map[string]string{"asset": "GEM"})
	if got := lines(t, gems, allBalances); got != "users:001 personal users:001 5\nworld system world -5" {
		t.Errorf("balances of the other asset: %s", got)
	}
	if _, err := connector.NewConfig("", "formance", "file:"+file, "", connector.Overrides{}); err == nil || !strings.Contains(err.Error(), "--set asset=USD/2") {
		t.Errorf("without an asset: %v", err)
	}
}

// A preset that asks for JSON; %s is how.
const asked = `origin = "web"
engines = ["http"]
[ledger]
name = "Web"
decimals = 2
[csv]
dates = ["unix"]
[[streams]]
name = "payments"
%s
[streams.columns]
id = "id"
at = "at"
payer = "payer"
payee = "payee"
amount = "amount"
[[streams.accounts]]
role = "payer"
ref = "{payer}"
kind = "personal"
[[streams.accounts]]
role = "payee"
ref = "{payee}"
kind = "personal"
[streams.transaction]
ref = "web:{id}"
at = "at"
from = "payer"
to = "payee"
amount = "amount"
source = "payment"
`

func payment(id int) string {
	return fmt.Sprintf(`{"id": %d, "at": %d, "payer": "ann", "payee": "bob", "amount": "0.01"}`, id, 1767225600+id)
}

func payments1(from, to int) string {
	var all []string
	for id := from; id <= to; id++ {
		all = append(all, payment(id))
	}
	return `{"data": [` + strings.Join(all, ", ") + `]`
}

func TestAnswersAreReadPageByPage(t *testing.T) {
	for name, c := range map[string]struct {
		read   string
		answer func(w http.ResponseWriter, r *http.Request)
		asked  []string
	}{
		"by the address of the next page": {
			`read = { format = "json", each = "data", http = { next = "links.next" } }`,
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("from") == "" {
					fmt.Fprint(w, payments1(1, 2)+`, "links": {"next": "/list?from=3"}}`)
					return
				}
				fmt.Fprint(w, payments1(3, 5)+`, "links": {"next": null}}`)
			},
			[]string{"GET /list?of=all", "GET /list?from=3"},
		},
		"by a header": {
			`read = { format = "ndjson", http = { next = "@link" } }`,
			func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("from") == "" {
					w.Header().Set("Link", `</list?of=all>; rel="first", </list?from=3>; rel="next"`)
					fmt.Fprintln(w, payment(1)+"\n"+payment(2))
					return
				}
				fmt.Fprint(w, payment(3)+"\n"+payment(4)+"\n"+payment(5))
			},
			[]string{"GET /list?of=all", "GET /list?from=3"},
		},
		"by the number of the page": {
			`read = { format = "json", http = { page_param = "page" } }`,
			func(w http.ResponseWriter, r *http.Request) {
				page, _ := strconv.Atoi(r.URL.Query().Get("page"))
				text := payments1(3*page-2, min(3*page, 5))
				fmt.Fprint(w, strings.TrimPrefix(text, `{"data": `))
			},
			[]string{"GET /list?of=all&page=1", "GET /list?of=all&page=2", "GET /list?of=all&page=3"},
		},
		"by the ids that are known": {
			"mark = \"id\"\n" + `read = { format = "json", each = "data", http = { after = "after", limit = "limit" } }`,
			func(w http.ResponseWriter, r *http.Request) {
				after, _ := strconv.Atoi(r.URL.Query().Get("after"))
				limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
				fmt.Fprint(w, payments1(after+1, min(after+min(limit, 3), 5))+"}")
			},
			[]string{"GET /list?after=0&limit=4000&of=all", "GET /list?after=3&limit=4000&of=all", "GET /list?after=5&limit=4000&of=all"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var a api
			server := a.serve(t, c.answer)
			db, preset := testkit.Postgres(t), newPreset(t, fmt.Sprintf(asked, c.read))
			syncOnce(t, db, preset, sourceOf(t, server, "/list?of=all"))
			if got := lines(t, db, `SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE ref = 'web:5')) FROM transactions`) + lines(t, db, allRejects); got != "5 1" {
				t.Errorf("transactions, and what was left out: %s", got)
			}
			for i, request := range a.asked {
				a.asked[i] = strings.TrimSuffix(request, " Bearer s3cret")
			}
			if len(a.asked) < len(c.asked) || !slices.Equal(a.asked[:len(c.asked)], c.asked) {
				t.Errorf("requests %q, want %q first", a.asked, c.asked)
			}
		})
	}
}

func TestOnlyTheHostThatWasNamedIsAsked(t *testing.T) {
	var other api
	elsewhere := other.serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, payments1(1, 1)+"}") })
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"it redirects": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "it redirects (302 Found)"},
		"its next page is": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, payments1(1, 1)+`, "next": "`+elsewhere.URL+`"}`)
		}, "the next page is at another host"},
		"it goes in circles": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, payments1(1, 1)+`, "next": "/again"}`) }, "the next page is one that was read"},
		"it refuses":         {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", http.StatusForbidden) }, "it answers 403 Forbidden"},
		"it breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, payments1(1, 1))
		}, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			var a api
			server := a.serve(t, c.answer)
			db, preset := testkit.Postgres(t), newPreset(t, fmt.Sprintf(asked, `read = { format = "json", each = "data", http = { next = "next" } }`))
			err := follower(t, db, preset, sourceOf(t, server, "/")).Once(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v, want %q and no secret", err, c.want)
			}
		})
	}
	if len(other.asked) > 0 {
		t.Errorf("the other host was asked: %q", other.asked)
	}
	t.Run("its certificate is not known", func(t *testing.T) {
		preset := newPreset(t, fmt.Sprintf(asked, `read = { format = "json" }`))
		err := follower(t, testkit.Postgres(t), preset, elsewhere.URL).Once(t.Context())
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("error %v, want one of its certificate", err)
		}
	})
}

func TestAnAnswerThatStopsIsGivenUp(t *testing.T) {
	var a api
	server := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, payment(1))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	preset := newPreset(t, fmt.Sprintf(asked, `read = { format = "ndjson" }`))
	f := follower(t, testkit.Postgres(t), preset, sourceOf(t, server, "/"))
	f.Hurry(200 * time.Millisecond)
	if err := f.Once(t.Context()); err == nil {
		t.Error("no error of an answer that does not end")
	}
}

func TestADifferenceThatDoesNotLastIsNoDrift(t *testing.T) {
	var a api
	var ahead atomic.Int64
	server := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprint(w, formanceLogs)
			return
		}
		fmt.Fprintf(w, `{"cursor":{"data":[{"account":"users:001","asset":"USD/2","balance":%d},{"account":"users:002","asset":"USD/2","balance":7}]}}`, 99725+ahead.Load())
	})
	db := testkit.Postgres(t)
	config, err := connector.NewConfig("", "formance", sourceOf(t, server, "/v2/main"), "", connector.Overrides{Parameters: map[string]string{"asset": "USD/2"}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.DiscardHandler)}, config)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "users:002", "users:002", "users:002", "users:001 users:002"} {
		ahead.Store([]int64{5, 0, 9, 4, 4}[i])
		if err := f.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(lines(t, db, `SELECT account FROM sync_drift ORDER BY account`), "\n", " "); got != want {
			t.Errorf("accounts that differ after comparison %d: %s, want %s", i+1, got, want)
		}
	}
}
