package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestEventsOfAScopeAreThoseOfItAndOfAll(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	event := func(ref, scope string, hours int) ledger.Event {
		return ledger.Event{Ref: ref, At: noon.Add(time.Duration(hours) * time.Hour), Title: "Event " + ref, Scope: scope}
	}
	long := event("long", "", -48)
	long.Until = noon.Add(-23 * time.Hour)
	b := village()
	b.Events = []ledger.Event{event("a", "all", -30), long, event("b", "item:bread", -1), event("c", "source:tax", -2),
		event("d", "kind:personal", -3), event("e", "", 0), event("f", "item:bread", -4)}
	appended(t, l, b)
	read := func(scope string) string {
		t.Helper()
		events, err := l.Events(t.Context(), scope, noon.Add(-24*time.Hour), noon)
		if err != nil {
			t.Fatal(err)
		}
		var refs []string
		for _, e := range events {
			refs = append(refs, e.Ref)
		}
		return strings.Join(refs, " ")
	}
	for scope, want := range map[string]string{"all": "long", "item:bread": "long f b", "source:tax": "long c", "kind:personal": "long d", "item:iron": "long"} {
		if got := read(scope); got != want {
			t.Errorf("events of %s = %q, want %q", scope, got, want)
		}
	}
	before := dump(t, db)
	appended(t, l, b)
	if diff := cmp.Diff(before, dump(t, db)); diff != "" {
		t.Errorf("repeating events changed the ledger:\n%s", diff)
	}
	moved := event("f", "source:tax", -5)
	appended(t, l, ledger.Batch{Events: []ledger.Event{{Ref: "b"}, moved}})
	if got := read("item:bread"); got != "long" {
		t.Errorf("events of bread = %q after one was removed and one moved", got)
	}
}

func TestOnlyTheNewestEventsAreRead(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	var b ledger.Batch
	for i := range ledger.MostEvents + 5 {
		at := noon.Add(time.Duration(i) * time.Minute)
		b.Events = append(b.Events, ledger.Event{Ref: at.String(), At: at, Title: "x"})
	}
	appended(t, l, b)
	events, err := l.Events(t.Context(), "all", noon, noon.Add(24*time.Hour))
	if err != nil || len(events) != ledger.MostEvents || !events[0].At.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%d events, first at %v, %v, want the newest %d", len(events), events[0].At, err, ledger.MostEvents)
	}
}

func TestAnEventThatIsWrongIsRefused(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	for _, c := range []struct {
		event ledger.Event
		want  string
	}{
		{ledger.Event{At: noon, Title: "x"}, "ref is empty"},
		{ledger.Event{Ref: "a", Title: "x"}, `event "a": time is missing`},
		{ledger.Event{Ref: "a", Title: "x", At: noon, Until: noon.Add(-time.Second)}, "is before its time"},
		{ledger.Event{Ref: "a", Title: "x", At: noon, Scope: "items:bread"}, `scope is "items:bread", want all`},
		{ledger.Event{Ref: "a", Title: "x", At: noon, Scope: "kind:queen"}, `scope is "kind:queen", want all`},
		{ledger.Event{Ref: "a", Title: "x", At: noon, Scope: "item:gold"}, `event "a": item "gold" is unknown`},
		{ledger.Event{Ref: "a", Title: "x", At: noon, Link: "javascript:alert(1)"}, "want an address"},
	} {
		if _, err := l.Append(t.Context(), ledger.Batch{Events: []ledger.Event{c.event}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.event, err, c.want)
		}
	}
}
