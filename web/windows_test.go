package web

import (
	"strconv"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

func TestAPageIsAskedForWheneverOneOfItsPanelsIsDue(t *testing.T) {
	tn := newTown()
	tn.window = 6 * time.Hour
	tn.policies = map[string]cache.Policy{"overview": {Window: 10 * time.Minute}, "rhythm": {Window: time.Hour}}
	server := tn.start(t)
	for address, window := range map[string]time.Duration{
		"/economy":          10 * time.Minute, // the shortest
		"/economy/overview": 10 * time.Minute,
		"/economy/rhythm":   time.Hour,
		"/economy/activity": 6 * time.Hour,
	} {
		ask(t, "GET", server.URL+address) // the first one may come panel by panel
		before := time.Now()
		_, body := ask(t, "GET", server.URL+address)
		main := parse(t, body).Find("main")
		said := func(name string) time.Duration {
			n, err := strconv.ParseInt(main.AttrOr(name, ""), 10, 64)
			if err != nil {
				t.Fatalf("%s: %s = %q", address, name, main.AttrOr(name, ""))
			}
			return time.Duration(n) * time.Millisecond
		}
		if got := said("data-window"); got != window {
			t.Errorf("%s: window of %v, want %v", address, got, window)
		}
		next := time.Unix(0, int64(said("data-next")))
		if first, last := cache.WindowAt(before, window).End, cache.WindowAt(time.Now(), window).End; next.Before(first) || next.After(last) {
			t.Errorf("%s: next at %v, want %v", address, next, last)
		}
	}
}

// asked is a part as it is after it was asked.
func asked(next time.Time, lag time.Duration) source {
	result := cache.Result[*aggregates.Rhythm]{Next: next, Lag: lag}
	return &rhythmSource{panel: &views.Panel[*aggregates.Rhythm]{Result: result}}
}

func TestAPageWaitsForThePanelsThatAreDueFirst(t *testing.T) {
	soon, later := time.Unix(30, 0), time.Unix(60, 0)
	var c views.Clock
	for _, p := range []source{asked(later, 5*time.Second), asked(soon, time.Second), asked(soon, 2*time.Second), asked(later, 4*time.Second)} {
		p.clock(&c)
	}
	if !c.Next.Equal(soon) || c.Lag != 2*time.Second {
		t.Errorf("next at %v with a lag of %v, want %v and the 2 s of the slower of its two panels", c.Next, c.Lag, soon)
	}
}
