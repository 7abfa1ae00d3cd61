package town_test

import (
	"strings"
	"testing"
	"time"

	"exchequer/ledger"
)

func TestTheTownTellsWhatPeopleRemember(t *testing.T) {
	start := noon.Truncate(24*time.Hour).AddDate(0, 0, -60)
	items, seen := map[string]bool{}, map[string]bool{}
	found := map[string]int{}
	var outage ledger.Event
	for _, b := range sixtyDays() {
		for _, i := range b.Items {
			items[i.Ref] = true
		}
		for _, e := range b.Events {
			if seen[e.Ref] || e.Title == "" || e.Text == "" || e.At.Before(start) || !e.At.Before(noon) || !e.Until.IsZero() && !e.Until.After(e.At) {
				t.Errorf("an event is %+v", e)
			}
			seen[e.Ref] = true
			item, ofItem := strings.CutPrefix(e.Scope, "item:")
			if ofItem && !items[item] {
				t.Errorf("an event of an unknown item %q", item)
			}
			switch {
			case ofItem:
				found["item"]++
			case e.Until.IsZero():
				found["moment"]++
			default:
				found["span"]++
			}
			if strings.HasSuffix(e.Ref, "/outage") {
				outage = e
			}
		}
	}
	if found["item"] < 2 || found["moment"] < 2 || found["span"] < 4 || found["span"] > 12 {
		t.Errorf("events in 60 days: %v", found)
	}
	if age := noon.Sub(outage.At); age < 0 || age > 30*24*time.Hour {
		t.Fatalf("the outage was at %v, want it within the last 30 days", outage.At)
	}
	during := func(from, until time.Time) (n int) {
		for _, x := range transactions(sixtyDays()) {
			if !x.At.Before(from) && x.At.Before(until) {
				n++
			}
		}
		return n
	}
	if n, week := during(outage.At, outage.Until), during(outage.At.AddDate(0, 0, -7), outage.Until.AddDate(0, 0, -7)); n > 0 || week == 0 {
		t.Errorf("%d transactions in the outage, %d in the same hours a week before", n, week)
	}
}
