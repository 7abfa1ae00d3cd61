package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

// warmer is a town whose stats are usually asked for of two kinds.
func warmer(log *journal) *town {
	tn := operated(log)
	token := tn.change
	tn.change = func(d *Deps) {
		token(d)
		d.API.Stats.Prewarm(aggregates.StatsQuery{Kind: "personal"}, aggregates.StatsQuery{Kind: "business"})
	}
	return tn
}

// linesOf reads a stream of progress.
func linesOf(t *testing.T, text string) (lines []WarmLine) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l WarmLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

// warming begins to warm and returns the answer once it has begun.
func warming(ctx context.Context, t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/api/v1/cache/warm", strings.NewReader(`{"memos":["stats"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func TestAFreshProcessIsWarmedWithProgress(t *testing.T) {
	t.Parallel()
	redis := testkit.Redis(t)
	var runs atomic.Int64
	log := &journal{}
	fresh := counting(warmer(log), &runs).shares(t, redis).start(t)
	status, body := operate(t, fresh, "POST", "warm", "")
	lines := linesOf(t, body)
	if status != http.StatusOK || len(lines) != 3 {
		t.Fatalf("warm: %d %s", status, body)
	}
	for i, line := range lines[:2] {
		if line.Done != i+1 || line.Of != 2 || line.Memo != "stats" || !strings.HasPrefix(line.Key, "stats:") || line.Error != "" {
			t.Errorf("line %d: %+v", i, line)
		}
	}
	if end := lines[2]; end.Finished == nil || !*end.Finished || end.Failed == nil || *end.Failed != 0 {
		t.Errorf("the last line: %+v", end)
	}
	if runs.Load() != 2 {
		t.Errorf("%d runs, want one for each of the two usual keys", runs.Load())
	}
	shown(t, fresh)
	other := counting(warmer(nil), &runs).shares(t, redis).start(t)
	shown(t, other)
	if status, body := operate(t, other, "POST", "warm", `{"memos":["stats"]}`); status != http.StatusOK || len(linesOf(t, body)) != 3 {
		t.Errorf("warm: %d %s", status, body)
	}
	if runs.Load() != 2 {
		t.Errorf("%d runs: what one process has warmed is computed again", runs.Load())
	}
	if audit := log.lines(t); len(audit) != 1 || audit[0]["outcome"] != "done" || audit[0]["finished"] != true {
		t.Errorf("audit log: %v", audit)
	}
}

func TestAKeyThatFailsDoesNotEndTheWarming(t *testing.T) {
	t.Parallel()
	tn := warmer(nil)
	tn.stats = func(_ context.Context, _ cache.Window, q aggregates.StatsQuery) (*aggregates.Stats, error) {
		if q.Kind == "business" {
			return nil, errors.New("no such table")
		}
		return &aggregates.Stats{}, nil
	}
	status, body := operate(t, tn.start(t), "POST", "warm", `{"memos":["stats"]}`)
	lines := linesOf(t, body)
	if status != http.StatusOK || len(lines) != 3 || !*lines[2].Finished || *lines[2].Failed != 1 || !strings.Contains(body, "no such table") {
		t.Errorf("warm: %d %s", status, body)
	}
}

func TestOnlyOneWarmsAndItMayLast(t *testing.T) {
	t.Parallel()
	tn := warmer(nil)
	gate, begun := make(chan struct{}), make(chan struct{}, 8)
	tn.stats = func(ctx context.Context, _ cache.Window, _ aggregates.StatsQuery) (*aggregates.Stats, error) {
		begun <- struct{}{}
		select {
		case <-gate:
			return &aggregates.Stats{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	tn.limit = func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = 3*time.Second, 3*time.Second }
	server := tn.start(t)
	began := time.Now()
	whole, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/api/v1/cache/warm", nil)
	if err != nil {
		t.Fatal(err)
	}
	whole.Header.Set("Authorization", "Bearer "+operatorToken)
	first := make(chan string, 1)
	go func() {
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(whole)
		if err != nil {
			first <- err.Error()
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		first <- fmt.Sprint(string(body), err)
	}()
	<-begun // else the second may come first
	within(t, "a second is turned away", func() bool {
		status, body := operate(t, server, "POST", "warm", `{"memos":["nothing"]}`)
		return status == http.StatusConflict && strings.Contains(body, "already")
	})
	// Longer than this server lets an answer take, and a body (5 s).
	time.Sleep(time.Until(began.Add(6 * time.Second)))
	close(gate)
	if got := <-first; !strings.HasSuffix(got, `{"finished":true,"failed":0}`+"\n<nil>") {
		t.Errorf("a long warming was cut short: %s", got)
	}
	if status, body := operate(t, server, "POST", "warm", "{}"); status != http.StatusOK {
		t.Errorf("warming again: %d %s", status, body)
	}
}

func TestWarmingEndsWithItsClientAndWithTheProcess(t *testing.T) {
	t.Parallel()
	tn := warmer(nil)
	started, release := make(chan struct{}, 8), make(chan struct{})
	tn.stats = func(_ context.Context, _ cache.Window, q aggregates.StatsQuery) (*aggregates.Stats, error) {
		if q.Kind == "personal" {
			return &aggregates.Stats{}, nil
		}
		started <- struct{}{}
		<-release
		return &aggregates.Stats{}, nil
	}
	leaving, leave := context.WithCancel(t.Context())
	change := tn.change
	tn.change = func(d *Deps) {
		change(d)
		d.Leaving = leaving
	}
	server := tn.start(t)
	t.Cleanup(func() { close(release) })

	ctx, cancel := context.WithCancel(t.Context())
	response := warming(ctx, t, server)
	if _, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil {
		t.Fatalf("the first line does not come before the last key is done: %v", err)
	}
	<-started
	cancel()
	within(t, "the place is free again", func() bool {
		status, _ := operate(t, server, "POST", "warm", `{"memos":["nothing"]}`)
		return status == http.StatusNotFound
	})

	response = warming(t.Context(), t, server)
	reader := bufio.NewReader(response.Body)
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	leave()
	var rest strings.Builder
	if _, err := reader.WriteTo(&rest); err != nil {
		t.Fatal(err)
	}
	lines := linesOf(t, rest.String())
	if len(lines) != 1 || lines[0].Finished == nil || *lines[0].Finished || lines[0].Error == "" {
		t.Errorf("a process that shuts down ends its warming with %q", rest.String())
	}
}
