package aggregates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/ledger"
)

func TestEventsAreThoseBeforeTheWindow(t *testing.T) {
	db, w := village(t)
	until := w.Start.Add(time.Hour)
	appendBatch(t, db, ledger.Batch{Events: []ledger.Event{
		{Ref: "1", At: at(t, "03-09 00:00"), Until: until, Title: "Fair", Text: "On the quay", Link: "https://example.org"},
		{Ref: "2", At: at(t, "03-08 00:00"), Title: "Tax", Scope: "source:tax"},
		{Ref: "3", At: at(t, "03-10 00:00"), Title: "Elsewhere", Scope: "kind:business"},
		{Ref: "4", At: until, Title: "Announced"},
	}})
	got, err := ComputeEvents(t.Context(), db, w, EventQuery{"source:tax"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Events{Events: []Event{
		{Ref: "2", At: at(t, "03-08 00:00"), Title: "Tax", Scope: "source:tax"},
		{Ref: "1", At: at(t, "03-09 00:00"), Until: &until, Title: "Fair", Text: "On the quay", Link: "https://example.org", Scope: "all"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
