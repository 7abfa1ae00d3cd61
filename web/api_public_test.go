package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
)

// Names that nobody knows must not become keys of the memo, each of which would
// take memory, Redis' too, and a run of the producer.
func TestNamesThatNobodyKnowsNeverReachTheProducer(t *testing.T) {
	after := func(took time.Duration) func(context.Context, string) (bool, error) {
		return func(ctx context.Context, _ string) (bool, error) {
			select {
			case <-time.After(took):
				return false, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}
	}
	for name, test := range map[string]struct {
		known  func(context.Context, string) (bool, error)
		leaves bool
		want   int // status, for a reader who waits
	}{
		"the reader leaves at once":       {known: after(5 * time.Millisecond), leaves: true},
		"the reader waits":                {known: after(5 * time.Millisecond), want: http.StatusNotFound},
		"the database is slow":            {known: after(time.Minute), want: http.StatusServiceUnavailable},
		"the database is away":            {known: func(context.Context, string) (bool, error) { return false, errors.New("away") }, want: http.StatusServiceUnavailable},
		"the database is slow, who leave": {known: after(time.Minute), leaves: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := newTown()
			var looks, runs atomic.Int64
			tn.known = func(ctx context.Context, ref string) (bool, error) {
				defer looks.Add(1)
				return test.known(ctx, ref)
			}
			tn.account = func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.Account, error) {
				runs.Add(1)
				return nil, nil
			}
			server := tn.start(t)
			if !test.leaves {
				response, _ := ask(t, "GET", server.URL+"/api/v1/accounts/unknown")
				if response.StatusCode != test.want {
					t.Errorf("status %d, want %d", response.StatusCode, test.want)
				}
				if test.want == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			} else {
				const visitors = 100
				for i := range visitors {
					c, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(c, "GET /api/v1/accounts/unknown-%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
					c.Close()
				}
				for deadline := time.Now().Add(10 * time.Second); looks.Load() < visitors && time.Now().Before(deadline); {
					time.Sleep(10 * time.Millisecond)
				}
			}
			if n := runs.Load(); n != 0 {
				t.Errorf("%d runs of the producer, want none", n)
			}
		})
	}
}

// What this process or another has computed is shown, whatever happens to the
// database.
func TestAnAccountThatIsKnownIsServedWhileTheDatabaseIsAway(t *testing.T) {
	tn := newTown()
	var away atomic.Bool
	tn.known = func(context.Context, string) (bool, error) {
		if away.Load() {
			return false, errors.New("away")
		}
		return true, nil
	}
	here, there := tn.start(t), tn.start(t) // on one store
	ask(t, "GET", here.URL+"/api/v1/accounts/ada")
	away.Store(true)
	for _, url := range []string{here.URL, there.URL} {
		if response, body := ask(t, "GET", url+"/api/v1/accounts/ada"); response.StatusCode != http.StatusOK {
			t.Errorf("an account that was asked for: status %d: %s", response.StatusCode, body)
		}
		if response, _ := ask(t, "GET", url+"/api/v1/accounts/bob"); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("an account that nobody asked for: status %d, want 503", response.StatusCode)
		}
	}
}

func TestAPeriodIsSentToTheNearest(t *testing.T) {
	server := newTown().start(t)
	for path, want := range map[string]string{
		"/flow": "30", "/flow?days=": "30", "/flow?days=8": "7", "/market?days=1000": "365", "/health?days=all": "all",
		"/items/apple": "30", "/items/apple?days=0": "7", "/accounts/ada?days=99999999999999999999": "365",
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1"+path)
		value, _ := decoded(t, body)["value"].(map[string]any)
		period, _ := value["period"].(map[string]any)
		if response.StatusCode != http.StatusOK || period["days"] != want {
			t.Errorf("%s: status %d, %v days, want %s", path, response.StatusCode, period["days"], want)
		}
	}
	for _, path := range []string{"/health?days=x", "/items/apple?days=NaN", "/market?days=7d", "/accounts/ada?days=week"} {
		response, body := ask(t, "GET", server.URL+"/api/v1"+path)
		if response.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "expected 7, 30, 90, 365, all") {
			t.Errorf("%s: status %d, %s", path, response.StatusCode, body)
		}
	}
}

func TestAnIDIsWhatTheLedgerCallsIt(t *testing.T) {
	server := newTown().start(t)
	for path, want := range map[string]string{
		"/items/minecraft:diamond": "minecraft:diamond", "/items/unit%2FArts%20%26%20Culture?days=7": "unit/Arts & Culture",
		"/accounts/caf%C3%A9": "café",
	} {
		response, body := ask(t, "GET", server.URL+"/api/v1"+path)
		value, _ := decoded(t, body)["value"].(map[string]any)
		if response.StatusCode != http.StatusOK || value["id"] != want {
			t.Errorf("%s: status %d, id %v, want %s", path, response.StatusCode, value["id"], want)
		}
	}
}

func TestNamesThatAreTriedOutBecomeNoKeys(t *testing.T) {
	tn := newTown()
	var runs atomic.Int64
	account := tn.account
	tn.account = func(ctx context.Context, w cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		runs.Add(1)
		return account(ctx, w, q)
	}
	tn.known = func(_ context.Context, ref string) (bool, error) { return ref == "ada", nil }
	server := tn.start(t)
	for i := range 20 {
		if response, _ := ask(t, "GET", fmt.Sprint(server.URL, "/api/v1/accounts/", i)); response.StatusCode != http.StatusNotFound {
			t.Errorf("account %d: status %d", i, response.StatusCode)
		}
	}
	if n := runs.Load(); n != 0 {
		t.Errorf("20 unknown accounts caused %d producer runs", n)
	}
}
