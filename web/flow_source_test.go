package web

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

// A source has as many keys as there are flows by it, not as many as there are pairs
// of kinds.
func TestOnlyFlowsThatOccurAreComputed(t *testing.T) {
	tn := newTown()
	var computed atomic.Int64
	source := tn.source
	tn.source = func(ctx context.Context, w cache.Window, q aggregates.SourceQuery) (*aggregates.SourceDays, error) {
		computed.Add(1)
		return source(ctx, w, q)
	}
	tn.moved = func(_ context.Context, q aggregates.SourceQuery) (bool, error) {
		if q.From.Kind == ledger.Government {
			return false, errors.New("no database")
		}
		return q.From.Kind == ledger.Personal, nil
	}
	server := tn.start(t)
	for query, want := range map[string]int{
		"": 200, "?from=nobody": 400, "?from=personal": 200, "?from=personal&to=business": 200,
		"?from=business": 404, "?to=business": 404, "?from=system-issuer&to=personal": 404, "?from=government": 503,
	} {
		for _, suffix := range []string{"", "/sums", "/sums.json", "/days.csv", "/days.meta.json"} {
			response, _ := ask(t, "GET", server.URL+"/economy/sources/shop"+suffix+query)
			if response.StatusCode != want {
				t.Errorf("%s%s: status %d, want %d", suffix, query, response.StatusCode, want)
			}
		}
	}
	if response, _ := ask(t, "GET", server.URL+"/economy/sources/nobody?from=personal"); response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown source: status %d", response.StatusCode)
	}
	if computed.Load() != 3 {
		t.Errorf("%d values were computed, want those of the 3 flows that occur", computed.Load())
	}
}
