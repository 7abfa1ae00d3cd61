package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

func TestAThresholdThatMakesNoSenseStopsTheStart(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	for text, want := range map[string]string{
		"gold=watch:..5%":               "there is no sign",
		"money=watch:-5%..5%,bad:..1%":  "reaches beyond",
		"freshness=watch:..1h;money=5%": "there are watch and bad",
	} {
		if code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--sign", text); code != 2 || !strings.Contains(said, want) {
			t.Errorf("serve --sign %s = %d, %s, want 2 and %q", text, code, said, want)
		}
	}
}

func TestThresholdsAreShown(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	written := ledger.New(pool(t, url))
	err := town.New(town.Config{Seed: 5, Players: 40, Days: 6, End: time.Now()}).History(t.Context(), func(b ledger.Batch) error {
		_, err := written.Append(t.Context(), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, "serve", "--sign", "money=watch:-7%..7%", "--sign", "leader=bad:..90%")
	until(t, "the page shows the thresholds", func() bool {
		status, body := get(t, s.url+"/economy/health/signs")
		return status == http.StatusOK && strings.Contains(body, "0.07") && strings.Contains(body, "0.9")
	})
	if !strings.Contains(s.said.String(), "money=watch:-0.07..0.07") {
		t.Errorf("the log does not name the thresholds in force: %s", s.said)
	}
}

// The sample goes round although nobody reads the page, and the whole ledger is
// read some minutes after the start, then once a day; never if it is turned off.
func TestTheBooksAreKeptWithoutReaders(t *testing.T) {
	for _, nightly := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c := cache.New(cache.Deps{Store: cache.NewMemory()})
			var samples, nights atomic.Int64
			memos := &aggregates.SoundnessMemos{
				Soundness: cache.NewMemo(c, cache.Spec{Name: "sound", Window: time.Minute}, func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Soundness, error) {
					samples.Add(1)
					return &aggregates.Soundness{}, nil
				}),
				Night: cache.NewMemo(c, cache.Spec{Name: "night", Window: 24 * time.Hour, Timeout: time.Hour}, func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Night, error) {
					nights.Add(1)
					time.Sleep(10 * time.Minute)
					return &aggregates.Night{}, nil
				}),
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { keepBooks(ctx, memos, nightly, slog.New(slog.DiscardHandler)); close(done) }()
			time.Sleep(2 * time.Minute)
			if nights.Load() != 0 {
				t.Error("the whole ledger was read at once after the start")
			}
			time.Sleep(58 * time.Minute)
			if n := samples.Load(); n < 55 {
				t.Errorf("%d samples in an hour, want one a minute", n)
			}
			time.Sleep(24 * time.Hour)
			stop()
			<-done
			if n := nights.Load(); nightly && n != 2 || !nightly && n != 0 {
				t.Errorf("the whole ledger was read %d times on two days", n)
			}
			if err := c.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}
