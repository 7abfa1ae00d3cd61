package vitals_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"exchequer/internal/testkit"
	"exchequer/vitals"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock is set by a test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newStore(t *testing.T, db *pgxpool.Pool, c *clock, version string) *vitals.Store {
	t.Helper()
	s, err := vitals.New(vitals.Deps{DB: db, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Version: version, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func beacon(t testing.TB, text string) *vitals.Beacon {
	t.Helper()
	b, err := vitals.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// view is a beacon of a largest paint after so many milliseconds.
func view(t testing.TB, route, device string, lcp int) *vitals.Beacon {
	return beacon(t, fmt.Sprintf(`{"route":%q,"device":%q,"connection":"fast","lcp":%d,"inp":80,"cls":0.02,"ttfb":30,"errors":[]}`, route, device, lcp))
}

func write(t *testing.T, stores ...*vitals.Store) {
	t.Helper()
	for _, s := range stores {
		if err := s.Write(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// phone is the readers with a phone.
func phone(by []vitals.Audience) vitals.Audience {
	for _, a := range by {
		if a.Device == "phone" {
			return a
		}
	}
	return vitals.Audience{}
}

func near(got *float64, want float64) bool {
	return got != nil && math.Abs(*got-want) <= 0.35*want
}

func TestTheReportSaysWhichPageIsSlowForWhomAndSinceWhen(t *testing.T) {
	db := testkit.Postgres(t)
	now := &clock{time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)}
	here, there := newStore(t, db, now, "1.0"), newStore(t, db, now, "1.0")
	end := now.at
	deployed := end.Truncate(time.Hour).Add(-6 * time.Hour)
	for now.at = end.Add(-8 * 24 * time.Hour); !now.at.After(end); now.at = now.at.Add(time.Hour) {
		if now.at.Truncate(time.Hour).Equal(deployed) {
			here, there = newStore(t, db, now, "1.1"), newStore(t, db, now, "1.1")
		}
		lcp := 800
		if !now.at.Before(deployed) {
			lcp = 2400
		}
		for range 5 {
			here.Add(view(t, "/market", "desktop", lcp))
			there.Add(view(t, "/market", "phone", 2*lcp))
			there.Add(view(t, "/economy", "desktop", 400))
		}
		there.Server("/market").Took(120 * time.Millisecond)
		write(t, here, there)
	}
	now.at = end

	r, err := here.Slowest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Pages) != 2 || r.Pages[0].Route != "/market" || r.Pages[1].Route != "/economy" {
		t.Fatalf("the slowest pages are %+v", r.Pages)
	}
	market, economy := r.Pages[0], r.Pages[1]
	if market.Views != 250 || !near(economy.LCP, 0.4) || !near(market.INP, 0.08) || !near(market.CLS, 0.02) || !near(market.TTFB, 0.03) || !near(market.Server, 0.12) {
		t.Errorf("market %+v, economy %+v", market, economy)
	}
	if len(market.By) != 2 || market.By[0].Views != 125 || !near(phone(market.By).LCP, 4.8) {
		t.Errorf("by who reads it: %+v", market.By)
	}
	if market.Slower == nil || !market.Slower.Since.Equal(deployed) || market.Slower.Version != "1.1" || math.Abs(market.Slower.Before-1.6) > 0.35 {
		t.Errorf("slower %+v, want since %s, with 1.1", market.Slower, deployed)
	}
	if economy.Slower != nil {
		t.Errorf("a page that is as fast as before is slower: %+v", economy.Slower)
	}
}

func TestAReportOfNothingHasNoNull(t *testing.T) {
	s := newStore(t, testkit.Postgres(t), &clock{time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)}, "1.0")
	r, err := s.Slowest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestOldRowsAreForgotten(t *testing.T) {
	db := testkit.Postgres(t)
	now := &clock{time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)}
	s := newStore(t, db, now, "1.0")
	s.Add(beacon(t, `{"route":"/market","device":"phone","connection":"slow","errors":[{"message":"gone","place":"a.js:1"}]}`))
	write(t, s)
	now.at = now.at.Add(31 * 24 * time.Hour)
	s.Add(beacon(t, `{"route":"/market","device":"phone","connection":"slow","errors":[{"message":"new","place":"a.js:1"}]}`))
	write(t, s)
	var rows, failures int
	if err := db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM page_vitals), (SELECT count(*) FROM script_errors)`).Scan(&rows, &failures); err != nil {
		t.Fatal(err)
	}
	if rows != 1 || failures != 1 {
		t.Errorf("%d rows and %d failures, want those of today", rows, failures)
	}
}

func TestAFloodCostsABoundedNumberOfRows(t *testing.T) {
	db := testkit.Postgres(t)
	now := &clock{time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)}
	s := newStore(t, db, now, "1.0")
	for i := range 20_000 {
		s.Add(beacon(t, fmt.Sprintf(`{"route":"/market","device":"phone","connection":"slow","lcp":%d,"cls":1e300,"errors":[{"message":"no %d","place":"a.js"}]}`, i, i)))
	}
	for minute := range 6 {
		for i := range 100 {
			s.Add(beacon(t, fmt.Sprintf(`{"route":"/market","device":"phone","connection":"fast","errors":[{"message":"%d of minute %d","place":"a.js"}]}`, i, minute)))
		}
		now.at = now.at.Add(time.Minute)
		write(t, s)
	}
	r, err := s.Slowest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM page_vitals`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if rows != 2 || len(r.Errors) != 200 || r.Pages[0].Views != 20_600 {
		t.Errorf("%d rows, %d failures, %d views; want 2, 200 and 20,600", rows, len(r.Errors), r.Pages[0].Views)
	}
}

func TestWhatCannotBeWrittenWaits(t *testing.T) {
	db := testkit.Postgres(t)
	now := &clock{time.Date(2026, 11, 28, 12, 30, 0, 0, time.UTC)}
	s := newStore(t, db, now, "1.0")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		s.Add(view(t, "/market", "phone", 1000))
		if err := s.Write(gone); err == nil {
			t.Fatal("a write that was cancelled succeeded")
		}
	}
	// Of routes that the site does not have, which nothing lets through, a bounded number.
	for i := range 10_000 {
		s.Add(view(t, fmt.Sprint("/", i), "phone", 1000))
	}
	write(t, s)
	var views, rows int
	if err := db.QueryRow(t.Context(), `SELECT sum(views) FILTER (WHERE route = '/market'), count(*) FROM page_vitals`).Scan(&views, &rows); err != nil {
		t.Fatal(err)
	}
	if views != 3 || rows != 2000 {
		t.Errorf("%d views were written and %d rows, want 3 and 2,000", views, rows)
	}
}

func TestWhatIsNoBeaconIsRefused(t *testing.T) {
	const ok = `"device":"phone","connection":"fast"`
	for name, body := range map[string]string{
		"nothing":           ``,
		"another device":    `{"route":"/","device":"fridge","connection":"fast"}`,
		"no connection":     `{"route":"/","device":"phone"}`,
		"an unknown field":  `{"route":"/",` + ok + `,"user":"ada"}`,
		"two values":        `{"route":"/",` + ok + `}{}`,
		"what follows it":   `{"route":"/",` + ok + `}]`,
		"a time below 0":    `{"route":"/",` + ok + `,"lcp":-1}`,
		"a shift below 0":   `{"route":"/",` + ok + `,"cls":-0.1}`,
		"a text for a time": `{"route":"/",` + ok + `,"lcp":"1"}`,
		"a number too big":  `{"route":"/",` + ok + `,"lcp":1e999}`,
		"six failures":      `{"route":"/",` + ok + `,"errors":[{},{},{},{},{},{}]}`,
		"3 KB":              `{"route":"` + strings.Repeat("a", 3<<10) + `",` + ok + `}`,
	} {
		if b, err := vitals.Parse([]byte(body)); !errors.Is(err, vitals.ErrBeacon) {
			t.Errorf("%s: %+v, %v, want ErrBeacon", name, b, err)
		}
	}
	b := beacon(t, `{"route":"/",`+ok+`,"errors":[{"message":"a\nb<script>`+strings.Repeat("ü", 200)+`","place":"a.js:1"}]}`)
	if m := b.Errors[0].Message; strings.ContainsAny(m, "\n") || len(m) > 200 || !strings.HasPrefix(m, "a?b<script>ü") {
		t.Errorf("the message is kept as %q", m)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"route":"/market","device":"phone","connection":"slow","lcp":1,"inp":2,"cls":3,"ttfb":4,"errors":[{"message":"m","place":"p"}]}`))
	s, err := vitals.New(vitals.Deps{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := vitals.Parse(body); err == nil {
			b.Route = "/market"
			s.Add(b)
		}
	})
}
