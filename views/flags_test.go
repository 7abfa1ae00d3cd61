package views

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// march is a chart of the days of March 2026 up to noon of the tenth, in Berlin.
func march(t *testing.T) (s ledger.Settings, starts []time.Time, end time.Time) {
	t.Helper()
	s.Timezone = "Europe/Berlin"
	for d := range 10 {
		starts = append(starts, time.Date(2026, 3, d+1, 0, 0, 0, 0, s.Zone()))
	}
	return s, starts, time.Date(2026, 3, 10, 12, 0, 0, 0, s.Zone())
}

func TestFlagsAreTheEventsOfTheChart(t *testing.T) {
	s, starts, end := march(t)
	at := func(text string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", text, s.Zone())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	until := func(text string) *time.Time {
		v := at(text)
		return &v
	}
	p := Page{Site: Site{Settings: s}, Events: &aggregates.Events{Events: []aggregates.Event{
		{Title: "over before", At: at("2026-02-01 00:00"), Until: until("2026-03-01 00:00")},
		{Title: "before", At: at("2026-02-28 23:59")},
		{Title: "reaches into it", At: at("2025-12-24 00:00"), Until: until("2026-03-02 00:00")},
		{Title: "at its start", At: at("2026-03-01 00:00")},
		{Title: "late in the evening", At: at("2026-03-03 23:30")},
		{Title: "to midnight", At: at("2026-03-04 18:00"), Until: until("2026-03-06 00:00")},
		{Title: "goes on", At: at("2026-03-09 00:00"), Until: until("2026-04-02 00:00")},
		{Title: "at its end", At: end},
	}}}
	f := p.FlagsOn(starts, end)
	var got []string
	for i, flag := range f.Flags {
		got = append(got, fmt.Sprintf("%d %s: %d–%d %v, %s", flag.Number, flag.Title, flag.First, flag.Last, flag.Lasts, f.when(f.Events[i], s)))
	}
	want := []string{
		"1 reaches into it: 0–0 true, 24 Dec 2025 – 1 Mar 2026",
		"2 at its start: 0–0 false, 1 Mar",
		"3 late in the evening: 2–2 false, 3 Mar",
		"4 to midnight: 3–4 true, 4 Mar – 5 Mar",
		"5 goes on: 8–9 true, 9 Mar – 1 Apr",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || f.More != 0 {
		t.Errorf("flags:\n%s\n%d more, want\n%s", strings.Join(got, "\n"), f.More, strings.Join(want, "\n"))
	}
	if f := (Page{}).FlagsOn(starts, end); len(f.Flags) > 0 {
		t.Errorf("flags without events: %+v", f)
	}
	if f := p.FlagsOn(nil, end); len(f.Flags) > 0 {
		t.Errorf("flags without columns: %+v", f)
	}
}

func TestOfManyEventsTheLongestAndTheNewestAreShown(t *testing.T) {
	s, starts, end := march(t)
	p := Page{Site: Site{Settings: s}, Events: &aggregates.Events{}}
	for i := range 15 {
		e := aggregates.Event{Title: fmt.Sprint(i), At: starts[0].Add(time.Duration(i) * time.Hour)}
		if i == 1 {
			e.Until = &end
		}
		p.Events.Events = append(p.Events.Events, e)
	}
	f := p.FlagsOn(starts, end)
	var got []string
	for i, e := range f.Events {
		got = append(got, e.Title)
		if f.Flags[i].Title != e.Title {
			t.Errorf("flag %d is of %q, the list says %q", i+1, f.Flags[i].Title, e.Title)
		}
	}
	if want := "1 4 5 6 7 8 9 10 11 12 13 14"; strings.Join(got, " ") != want || f.left() != "3 more events are not shown." {
		t.Errorf("shown are %v, want %s; %s", got, want, f.left())
	}
}
