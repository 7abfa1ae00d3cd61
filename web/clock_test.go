package web

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// elsewhere is a store whose clock is not this machine's.
type elsewhere struct {
	*cache.Memory
	ahead time.Duration
}

func (e elsewhere) Now(context.Context) (time.Time, error) { return time.Now().Add(e.ahead), nil }

var timing = regexp.MustCompile(`^clock;dur=(\d+)$`)

func TestBrowsersGetTheFleetsTimeThoughTheServersOwnClockIsOff(t *testing.T) {
	for _, ahead := range []time.Duration{20 * time.Second, -20 * time.Second} {
		town := newTown()
		town.window = 10 * time.Second
		town.store = elsewhere{cache.NewMemory(), ahead}
		site := town.start(t)
		check := func(what string, response *http.Response) time.Time {
			t.Helper()
			found := timing.FindStringSubmatch(response.Header.Get("Server-Timing"))
			if found == nil {
				t.Fatalf("%s has no time: %q", what, response.Header.Get("Server-Timing"))
			}
			ms, _ := strconv.ParseInt(found[1], 10, 64)
			got := time.UnixMilli(ms)
			if off := time.Until(got) - ahead; off.Abs() > 5*time.Second {
				t.Errorf("%s has %v, which is %v from the fleet's time", what, got, off)
			}
			return got
		}
		response, _ := ask(t, "HEAD", site.URL+"/healthz")
		check("the probe", response)
		response, body := ask(t, "GET", site.URL+"/economy")
		got := check("the first page", response)
		next := regexp.MustCompile(`data-next="(\d+)"`).FindStringSubmatch(body)
		if next == nil {
			t.Fatalf("the page names no boundary:\n%.2000s", body)
		}
		ms, _ := strconv.ParseInt(next[1], 10, 64)
		// By this time a browser waits at most until the end of the window.
		if wait := time.UnixMilli(ms).Sub(got); wait < -5*time.Second || wait > town.window {
			t.Errorf("with a clock %v behind, a browser waits %v for the boundary of windows of %v", ahead, wait, town.window)
		}
		response, _ = ask(t, "GET", site.URL+"/economy")
		check("a page from memory", response)

		behind := newTown()
		behind.store = town.store
		behind.change = func(d *Deps) { d.SharedCache = true }
		site = behind.start(t)
		ask(t, "GET", site.URL+"/economy")
		response, _ = ask(t, "GET", site.URL+"/economy")
		date, err := http.ParseTime(response.Header.Get("Date"))
		if off := time.Until(date) - ahead; err != nil || off.Abs() > 5*time.Second {
			t.Errorf("behind a shared cache the date is %v, %v from the fleet's time", date, off)
		}
	}
}

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
		folio := parse(t, body).Find("#folio")
		attr := func(name string) time.Duration {
			n, err := strconv.ParseInt(folio.AttrOr(name, ""), 10, 64)
			if err != nil {
				t.Fatalf("%s: %s = %q", address, name, folio.AttrOr(name, ""))
			}
			return time.Duration(n) * time.Millisecond
		}
		if got := attr("data-window"); got != window {
			t.Errorf("%s: window of %v, want %v", address, got, window)
		}
		next := time.Unix(0, int64(attr("data-next")))
		if first, last := cache.WindowAt(before, window).End, cache.WindowAt(time.Now(), window).End; next.Before(first) || next.After(last) {
			t.Errorf("%s: next at %v, want %v", address, next, last)
		}
	}
}

// settledSource returns a source that has its result.
func settledSource(next time.Time, lag time.Duration) source {
	result := cache.Result[*aggregates.Rhythm]{Next: next, Lag: lag}
	return &memoSource[aggregates.Days, *aggregates.Rhythm]{res: result}
}

func TestAPageWaitsForThePanelsThatAreDueFirst(t *testing.T) {
	soon, later := time.Unix(30, 0), time.Unix(60, 0)
	var c views.Clock
	for _, src := range []source{settledSource(later, 5*time.Second), settledSource(soon, time.Second), settledSource(soon, 2*time.Second), settledSource(later, 4*time.Second)} {
		src.clock(&c)
	}
	if !c.Next.Equal(soon) || c.Lag != 2*time.Second {
		t.Errorf("next at %v with a lag of %v, want %v and the 2 s of the slower of its two panels", c.Next, c.Lag, soon)
	}
}
