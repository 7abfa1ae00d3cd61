package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	sent "exchequer/client"
	"exchequer/ledger/ingest"
)

// What the operations that write say of themselves is what they take and answer.
func TestWritingIsAsDescribed(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	description := describedAPI(t, d.URL)
	visit := func(schema *openapi3.SchemaRef, text string) error {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		return schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
	}
	bodies := map[string]string{
		"accounts": `{"accounts":[{"ref":"eve","kind":"personal"}]}`, "transactions": grants,
		"sales":    `{"items":[{"ref":"bread"}],"sales":[{"origin":"t","ref":"s","at":"2026-03-04T12:00:00Z","item":"bread","quantity":1,"total":5}]}`,
		"offers":   `{"shops":[{"ref":"stall","owner":"ann","active":true,"seen":"2026-03-04T12:00:00Z"}],"items":[{"ref":"bread"}],"offers":[{"shop":"stall","item":"bread","ask":3,"batch":1,"active":true,"seen":"2026-03-04T12:00:00Z"}]}`,
		"events":   `[{"ref":"fair","at":"2026-03-05T12:00:00Z","title":"The fair"}]`,
		"balances": `{"origin":"t","at":"2026-03-06T00:00:00Z","balances":[{"account":"ann","balance":1}]}`,
	}
	for _, kind := range ingest.Kinds() {
		op := description.Paths.Find("/" + kind).Post
		if op.Summary == "" || op.Security == nil || op.RequestBody.Value.Content["application/x-ndjson"] == nil {
			t.Errorf("%s is described as %+v", kind, op)
		}
		schema := op.RequestBody.Value.Content["application/json"].Schema
		if err := visit(schema, bodies[kind]); err != nil {
			t.Errorf("the description of %s refuses %s: %v", kind, bodies[kind], err)
		}
		if wrong := strings.Replace(bodies[kind], `"ref"`, `"reef"`, 1); wrong != bodies[kind] && visit(schema, wrong) == nil {
			t.Errorf("the description of %s allows %s", kind, wrong)
		}
		for _, body := range []string{bodies[kind], `[{"colour":1}]`} {
			response, text := d.post(t, kind, strings.NewReader(body))
			answer := op.Responses.Status(response.StatusCode)
			if answer == nil {
				t.Errorf("%s: no word of status %d", kind, response.StatusCode)
				continue
			}
			content := answer.Value.Content[response.Header.Get("Content-Type")]
			if content == nil {
				t.Errorf("%s: status %d is %s, which is not described", kind, response.StatusCode, response.Header.Get("Content-Type"))
			} else if err := visit(content.Schema, text); err != nil {
				t.Errorf("%s: status %d is not as described: %v\n%s", kind, response.StatusCode, err, text)
			}
		}
		for _, status := range []int{200, 400, 401, 403, 408, 413, 415, 422, 429, 503} {
			if op.Responses.Status(status) == nil {
				t.Errorf("%s: no word of status %d", kind, status)
			}
		}
	}
}

// shellExample finds the examples of docs/api.md that write.
var shellExample = regexp.MustCompile("(?s)```sh\n([^`]*\\$KEY[^`]*)```")

func TestTheDocumentedWritesWork(t *testing.T) {
	t.Parallel()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("there is no curl; .ci/deps curl installs it")
	}
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	d := openDesk(t, nil)
	examples := shellExample.FindAllStringSubmatch(string(page), -1)
	if len(examples) != 2 {
		t.Errorf("%d examples, want 2", len(examples))
	}
	for _, example := range examples {
		command := exec.CommandContext(t.Context(), "/bin/sh", "-ec", "cd \"$DIR\"; curl() { \"$CURL\" -sS \"$@\"; echo; }; "+example[1])
		command.Env = append(os.Environ(), "EXCHEQUER="+d.URL, "KEY="+d.key, "CURL="+curl, "DIR="+t.TempDir())
		out, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"written":`) || strings.Contains(string(out), `"status":`) {
			t.Errorf("%s\n%v: %s", example[1], err, out)
		}
	}
	if n := d.count(t, `SELECT count(*) FROM transactions WHERE origin = 'game'`); n == 0 {
		t.Error("nothing was written")
	}
}

// A server that ends between its commit and its answer has written, and the client
// sends again.
func TestAnAnswerThatIsLostWritesNothingTwice(t *testing.T) {
	t.Parallel()
	d := openDesk(t, nil)
	var asked atomic.Int64
	site := d.Config.Handler
	lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			site.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the ledger has it, and the client does not know
		}
		site.ServeHTTP(w, r)
	}))
	defer lossy.Close()
	w, err := sent.New(lossy.URL, d.key).Transactions(t.Context(), []sent.Transaction{{
		Origin: "t", Ref: "once", At: time.Now(), Source: "grant", Postings: []sent.Posting{{Account: "mint", Amount: -1}, {Account: "ann", Amount: 1}},
	}})
	if n := d.count(t, `SELECT count(*) FROM transactions`); err != nil || w.Known != 1 || n != 1 || asked.Load() != 2 {
		t.Errorf("after %d requests the ledger has %d transactions; %+v, %v", asked.Load(), n, w, err)
	}
}
