package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// operated is a town that operators may look after.
func operated(log *journal) *town {
	tn := newTown()
	tn.change = func(d *Deps) { d.OperatorToken = operatorToken }
	if log != nil {
		tn.log = log
	}
	return tn
}

// shares makes the town's process one of those that share a Redis.
func (tn *town) shares(t *testing.T, server *testkit.RedisServer) *town {
	t.Helper()
	options, err := redisstore.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	store := cache.NewFailover(redisstore.New(options, "test:1"), slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	tn.store = store
	return tn
}

// operate asks the operators' endpoints, with the token.
func operate(t *testing.T, server *httptest.Server, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/api/v1/cache/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, answer := send(t, r, "Authorization", "Bearer "+operatorToken)
	return response.StatusCode, answer
}

func TestOperatorsReadTheCache(t *testing.T) {
	t.Parallel()
	server := operated(nil).shares(t, testkit.Redis(t)).start(t)
	ask(t, "GET", server.URL+"/api/v1/stats?kind=personal")
	ask(t, "GET", server.URL+"/api/v1/stats?kind=personal")

	var stats cache.Stats
	read(t, server, "stats", &stats)
	i := slices.IndexFunc(stats.Memos, func(m cache.MemoStats) bool { return m.Memo == "stats" })
	if i < 0 {
		t.Fatalf("stats lack the memo: %+v", stats)
	}
	m := stats.Memos[i]
	if m.Misses != 1 || m.Hits != 1 || m.Refreshes != 1 || m.Asked != 2 || m.HitRatio == nil || *m.HitRatio != 0.5 || m.Circuit != "closed" ||
		m.Producer.Count != 1 || m.Producer.Mean <= 0 || m.Store.Count == 0 {
		t.Errorf("stats of a memo that was asked twice: %+v", m)
	}
	if other := stats.Memos[0]; other.HitRatio != nil {
		t.Errorf("a memo that nobody asked has the hit ratio %v, want null", *other.HitRatio)
	}
	if r := stats.Shared.Server; stats.Shared.Kind != "redis" || stats.Shared.Down || r == nil || r.Mode != "single" || r.UsedMemory == 0 || r.Version == "" || r.Ping <= 0 {
		t.Errorf("the shared level: %+v, %+v", stats.Shared, r)
	}
	if p := stats.Process; p.Bytes <= 0 || p.Limit != 32<<20 || p.Values < 1 || p.Name == "" {
		t.Errorf("the process level: %+v", p)
	}

	if status, body := operate(t, server, "POST", "stats/reset", ""); status != 200 || decoded(t, body)["since"] == nil {
		t.Errorf("reset: %d %s", status, body)
	}
	read(t, server, "stats", &stats)
	if m := stats.Memos[i]; m.Misses+m.Hits+m.Asked+m.Producer.Count != 0 || m.HitRatio != nil {
		t.Errorf("after the reset: %+v", m)
	}

	var policies CachePolicies
	read(t, server, "policies", &policies)
	want := cache.NamedPolicy{Memo: "stats", Window: 3600, Soft: 3600, Hard: 7 * 24 * 3600, Timeout: 60, Tags: []string{"ledger"}}
	if i := slices.IndexFunc(policies.Policies, func(p cache.NamedPolicy) bool { return p.Memo == "stats" }); i < 0 || cmp.Diff(want, policies.Policies[i]) != "" {
		t.Errorf("policies %+v, want %+v among them", policies, want)
	}

	var known cache.Status
	read(t, server, "status?key=stats:personal:", &known)
	if p, s := known.Process, known.Shared; !slices.Equal(known.Levels, []string{"process", "shared"}) || p == nil || p.State != "fresh" ||
		s == nil || !s.Cached || s.Bytes == 0 || s.SoftLeft <= 0 || s.HardLeft <= s.SoftLeft || s.Age < 0 || known.Lock != nil || !strings.HasPrefix(known.StoreKey, "exchequer:") {
		t.Errorf("status of a known key: %+v, process %+v, shared %+v", known, p, s)
	}
	read(t, server, "status?key=stats:business:", &known)
	if len(known.Levels) != 0 || known.Process != nil || known.Shared != nil {
		t.Errorf("status of a key that nobody asked for: %+v", known)
	}

	ask(t, "GET", server.URL+"/api/v1/stats?kind=business")
	var keys cache.Keys
	read(t, server, "keys?memo=stats&state=fresh&limit=1", &keys)
	if keys.Total != 2 || len(keys.Keys) != 1 || keys.Keys[0].Key != "stats:business:" || keys.Keys[0].State != "fresh" || keys.Keys[0].Bytes == 0 {
		t.Errorf("the first fresh key of stats: %+v, want that of businesses, of two", keys)
	}
	read(t, server, "keys?state=forbidden", &keys)
	if keys.Total != 0 || keys.Keys == nil || len(keys.Keys) != 0 {
		t.Errorf("forbidden keys: %+v, want an empty list", keys)
	}

	var trip CacheTest
	status, body := operate(t, server, "POST", "test", "")
	if err := json.Unmarshal([]byte(body), &trip); err != nil || status != 200 || !trip.OK || trip.Kind != "redis" || min(trip.Set, trip.Get, trip.Delete) <= 0 {
		t.Errorf("test: %d %s", status, body)
	}
}

// read decodes the answer of an endpoint.
func read(t *testing.T, server *httptest.Server, path string, into any) {
	t.Helper()
	status, body := operate(t, server, "GET", path, "")
	if err := json.Unmarshal([]byte(body), into); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %v\n%s", path, status, err, body)
	}
}

// Each run of the producer counts one more account, so that a test sees which
// run a process shows.
func counting(tn *town, runs *atomic.Int64) *town {
	tn.stats = func(_ context.Context, _ cache.Window, q aggregates.StatsQuery) (*aggregates.Stats, error) {
		return &aggregates.Stats{Rows: []aggregates.StatsRow{{Kind: q.Kind, Status: "active", Accounts: runs.Add(1)}}}, nil
	}
	return tn
}

// shown is the number that a process shows.
func shown(t *testing.T, server *httptest.Server) (accounts int64) {
	t.Helper()
	response, body := ask(t, "GET", server.URL+"/api/v1/stats?kind=personal")
	var document struct {
		Value struct{ Rows []struct{ Accounts int64 } }
	}
	if err := json.Unmarshal([]byte(body), &document); err != nil || response.StatusCode != http.StatusOK || len(document.Value.Rows) != 1 {
		t.Fatalf("status %d, %v: %s", response.StatusCode, err, body)
	}
	return document.Value.Rows[0].Accounts
}

// within polls until a condition holds.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestAHardInvalidationHoldsInEveryProcess(t *testing.T) {
	t.Parallel()
	redis := testkit.Redis(t)
	var runs atomic.Int64
	log := &journal{}
	here := counting(operated(log), &runs).shares(t, redis).start(t)
	there := counting(operated(nil), &runs).shares(t, redis).start(t)
	for _, c := range []struct{ body, scope string }{
		{`{"key":"stats:personal:","how":"hard"}`, "key stats:personal:"},
		{`{"memo":"stats","how":"hard"}`, "memo stats"},
		{`{"tag":"ledger","how":"hard"}`, "tag ledger"},
		{`{"pattern":"st*","how":"hard"}`, "pattern st*"},
		{`{"tenant":true,"how":"hard"}`, "tenant"},
		{`{"all":true,"how":"hard"}`, "all"},
	} {
		old := shown(t, here)
		within(t, "both processes show the same", func() bool { return shown(t, there) == old })
		status, body := operate(t, here, "POST", "invalidate", c.body)
		want := map[string]any{"scope": c.scope, "how": "hard", "down": false}
		if status != http.StatusOK || cmp.Diff(want, decoded(t, body)) != "" {
			t.Fatalf("%s: %d %s", c.body, status, body)
		}
		if now := shown(t, here); now <= old {
			t.Errorf("%s: the process that was called still shows %d", c.body, now)
		}
		within(t, c.body+": the other process shows a newer number", func() bool { return shown(t, there) > old })
		// And keeps to it.
		if now := shown(t, there); now <= old {
			t.Errorf("%s: the other process shows %d again", c.body, now)
		}
	}
	lines := log.lines(t)
	if len(lines) != 6 || lines[1]["scope"] != "memo stats" || lines[1]["how"] != "hard" || lines[1]["outcome"] != "done" || lines[1]["id"] == "" || lines[1]["client"] != "127.0.0.1" {
		t.Errorf("audit log: %v", lines)
	}
}

func TestASoftInvalidationShowsTheOldNumberUntilThereIsANewOne(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	server := counting(operated(nil), &runs).start(t)
	old := shown(t, server)
	for _, body := range []string{`{"memo":"stats"}`, `{"memo":"stats","how":"soft"}`} {
		if status, answer := operate(t, server, "POST", "invalidate", body); status != 200 || decoded(t, answer)["how"] != "soft" {
			t.Fatalf("%d %s", status, answer)
		}
		if now := shown(t, server); now != old {
			t.Errorf("the first reader after it got %d, want the old %d at once", now, old)
		}
		within(t, "a newer number", func() bool { return shown(t, server) > old })
		old = shown(t, server)
	}
}

func TestWhatMakesNoSenseIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	log := &journal{}
	server := operated(log).start(t)
	const known = "economy.overview" // not in this town, whose memos have short names
	for i, c := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"GET", "status?key=nothing:1", "", 404, "stats, wealth)"},
		{"GET", "status?key=" + strings.Repeat("x", 2000), "", 422, "length"},
		{"GET", "status?key=stats:%0Aall", "", 422, "control characters"},
		{"GET", "status?key=" + "%F0%9F%92%A9%3A%22%3Cscript%3E", "", 404, "there is no memo"},
		{"GET", "status", "", 422, "required"},
		{"GET", "keys?memo=nothing", "", 404, "stats, wealth)"},
		{"GET", "keys?state=asleep", "", 422, "fresh, stale"},
		{"GET", "keys?limit=0", "", 422, "limit"},
		{"GET", "keys?limit=1001", "", 422, "limit"},
		{"POST", "invalidate", `{"memo":"` + known + `"}`, 404, "stats, wealth)"},
		{"POST", "invalidate", `{"key":"` + known + `:30"}`, 404, "stats, wealth)"},
		{"POST", "invalidate", `{"pattern":"market.*"}`, 404, "stats, wealth)"},
		{"POST", "invalidate", `{"tag":"market"}`, 404, "there are ledger"},
		{"POST", "invalidate", `{"pattern":"["}`, 422, "malformed"},
		{"POST", "invalidate", `{}`, 422, "name one of"},
		{"POST", "invalidate", `{"tenant":false}`, 422, "name one of"},
		{"POST", "invalidate", `{"memo":"stats","all":true}`, 422, "name one of"},
		{"POST", "invalidate", `{"memo":"stats","how":"gently"}`, 422, "soft, hard"},
		{"POST", "invalidate", `{"memo":"stats","what":1}`, 422, "unexpected property"},
		{"POST", "invalidate", `{"memo":["stats"]}`, 422, "expected string"},
		{"POST", "invalidate", `{"key":"stats:a\nall","how":"hard"}`, 422, "control characters"},
		{"POST", "invalidate", `{"key":"` + strings.Repeat("x", 2000) + `"}`, 422, "length"},
		{"POST", "invalidate", `{"key":"` + strings.Repeat("x", 20_000) + `"}`, 413, "large"},
		{"POST", "invalidate", `not JSON`, 400, "invalid character"},
		{"POST", "invalidate", ``, 400, "required"},
		{"POST", "warm", `{"memos":["stats","` + known + `"]}`, 404, "stats, wealth)"},
		{"POST", "warm", `{"memos":"stats"}`, 422, "expected array"},
		{"POST", "policies", `{}`, 405, ""},
		{"GET", "invalidate", "", 405, ""},
		{"GET", "nowhere", "", 404, ""},
	} {
		status, body := operate(t, server, c.method, c.path, c.body)
		problem := decoded(t, body)
		if status != c.status || problem["status"] != float64(c.status) || problem["detail"] == "" || !strings.Contains(body, c.detail) {
			t.Errorf("%d: %s %.60s %.60s: %d %.500s, want %d and %q", i, c.method, c.path, c.body, status, body, c.status, c.detail)
		}
	}
	for _, line := range log.lines(t) {
		if line["outcome"] != "failed" {
			t.Errorf("audit line of a failure: %v", line)
		}
	}
	if strings.Contains(log.String(), operatorToken) {
		t.Error("the token is in the log")
	}
	// None of it has hurt.
	if status, body := operate(t, server, "POST", "warm", `{"memos":["stats"]}`); status != 200 {
		t.Errorf("warm: %d %s", status, body)
	}
}

func TestWhatIsWrongWithABodyIsDescribed(t *testing.T) {
	t.Parallel()
	server := operated(nil).start(t)
	description := describedAPI(t, server.URL)
	for _, path := range []string{"invalidate", "warm"} {
		for status, sent := range map[int][2]string{
			400: {"application/json", `{"memo`},
			413: {"application/json", `{"memo":"` + strings.Repeat("x", operatorBody) + `"}`},
			415: {"text/csv", `memo,stats`},
			422: {"application/json", `{"what":1}`},
		} {
			r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/cache/"+path, strings.NewReader(sent[1]))
			if err != nil {
				t.Fatal(err)
			}
			response, body := send(t, r, "Authorization", "Bearer "+operatorToken, "Content-Type", sent[0])
			if response.StatusCode != status {
				t.Errorf("%s of %.20q: %d %s, want %d", path, sent[1], response.StatusCode, body, status)
			}
			if description.Paths.Find("/cache/"+path).Post.Responses.Status(status) == nil {
				t.Errorf("%s answers %d, which its description does not have", path, status)
			}
		}
	}
}

func TestTheOperatorsEndpointsAreClosedToOthers(t *testing.T) {
	t.Parallel()
	log := &journal{}
	server := operated(log).start(t)
	_, text := ask(t, "GET", server.URL+"/api/v1/openapi.json")
	var description struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string
		}
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}
	if err := json.Unmarshal([]byte(text), &description); err != nil {
		t.Fatal(err)
	}
	if s := description.Components.SecuritySchemes["operator"]; s.Type != "http" || s.Scheme != "bearer" {
		t.Errorf("the security scheme is %+v", s)
	}
	found := 0
	for _, path := range slices.Sorted(maps.Keys(description.Paths)) {
		operations := description.Paths[path]
		for method, operation := range operations {
			if !strings.HasPrefix(path, "/cache/") {
				continue
			}
			found++
			if len(operation.Security) != 1 || operation.Security[0]["operator"] == nil {
				t.Errorf("%s %s is described without its token", method, path)
			}
			url := server.URL + "/api/v1" + path
			if response, _ := ask(t, strings.ToUpper(method), url); response.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s without a token: status %d, want 401", method, path, response.StatusCode)
			}
			response, body := ask(t, strings.ToUpper(method), url, "Authorization", "Bearer not-"+operatorToken)
			if response.StatusCode != http.StatusForbidden || response.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s with a wrong token: status %d, %s", method, path, response.StatusCode, body)
			}
		}
	}
	if found != 9 {
		t.Errorf("%d operations are described, want 9", found)
	}
	if lines := log.lines(t); len(lines) != 2*found {
		t.Errorf("%d audit lines, want %d", len(lines), 2*found)
	}
	held := 0
	for range operatorRequests {
		if response, body := ask(t, "GET", server.URL+"/api/v1/cache/stats", "Authorization", "Bearer wrong"); response.StatusCode == http.StatusTooManyRequests {
			held++
			if response.Header.Get("Retry-After") == "" || decoded(t, body)["status"] != 429. {
				t.Fatalf("%v %s", response.Header, body)
			}
		}
	}
	if held == 0 {
		t.Error("nobody holds back who guesses")
	}
	if strings.Contains(log.String(), operatorToken) {
		t.Error("a token is in the log")
	}
}

func TestTheRoundTripReportsWhatIsWrongWithRedis(t *testing.T) {
	t.Parallel()
	redis := testkit.Redis(t)
	server := operated(nil).shares(t, redis).start(t)
	redis.Kill()
	status, body := operate(t, server, "POST", "test", "")
	if got := decoded(t, body); status != 200 || got["ok"] != false || got["error"] == "" {
		t.Errorf("test without Redis: %d %s", status, body)
	}
	if status, body := operate(t, server, "POST", "invalidate", `{"memo":"stats","how":"hard"}`); status != 200 || decoded(t, body)["down"] != true {
		t.Errorf("invalidate without Redis: %d %s, want done here, later elsewhere", status, body)
	}
	var health cache.HealthReport
	read(t, server, "health", &health)
	if health.Status != "degraded" || len(health.Reasons) == 0 || health.Shared.DownSince.IsZero() {
		t.Errorf("health without Redis: %+v", health)
	}
	for _, path := range []string{"stats", "status?key=stats:personal:"} {
		if status, body := operate(t, server, "GET", path, ""); status != 200 || !strings.Contains(body, `"down":true`) {
			t.Errorf("%s without Redis: %d %s", path, status, body)
		}
	}
}
