package web

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"exchequer/cache"
)

// elsewhere is a store whose clock is not this machine's.
type elsewhere struct {
	*cache.Memory
	ahead time.Duration
}

func (e elsewhere) Now(context.Context) (time.Time, error) { return time.Now().Add(e.ahead), nil }

var timing = regexp.MustCompile(`^clock;dur=(\d+)$`)

func TestBrowsersAreToldTheFleetsTimeThoughTheServersOwnClockIsOff(t *testing.T) {
	for _, ahead := range []time.Duration{20 * time.Second, -20 * time.Second} {
		town := newTown()
		town.window = 10 * time.Second
		town.store = elsewhere{cache.NewMemory(), ahead}
		site := town.start(t)
		check := func(what string, response *http.Response) time.Time {
			t.Helper()
			found := timing.FindStringSubmatch(response.Header.Get("Server-Timing"))
			if found == nil {
				t.Fatalf("%s tells no time: %q", what, response.Header.Get("Server-Timing"))
			}
			ms, _ := strconv.ParseInt(found[1], 10, 64)
			told := time.UnixMilli(ms)
			if off := time.Until(told) - ahead; off.Abs() > 5*time.Second {
				t.Errorf("%s tells %v, which is %v from the fleet's time", what, told, off)
			}
			return told
		}
		response, _ := ask(t, "HEAD", site.URL+"/healthz")
		check("the probe", response)
		response, body := ask(t, "GET", site.URL+"/economy")
		told := check("the first page", response)
		next := regexp.MustCompile(`data-next="(\d+)"`).FindStringSubmatch(body)
		if next == nil {
			t.Fatalf("the page names no boundary:\n%.2000s", body)
		}
		ms, _ := strconv.ParseInt(next[1], 10, 64)
		// By the time it is told, a browser waits for the end of the window at most.
		if wait := time.UnixMilli(ms).Sub(told); wait < -5*time.Second || wait > town.window {
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
