package vitals

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Report says which pages are slow in the last 24 hours, for whom, and since when.
type Report struct {
	Since  time.Time   `json:"since"`
	Until  time.Time   `json:"until"`
	Pages  []Page      `json:"pages" nullable:"false" doc:"The slowest first, by their largest contentful paint."`
	Errors []SeenError `json:"errors" nullable:"false" doc:"Failures of scripts, the latest first."`
}

// A Page is how fast a route was. Measures are 75th percentiles, nil where nobody has
// measured.
type Page struct {
	Route  string `json:"route"`
	Views  int64  `json:"views" doc:"Those that were sampled."`
	Failed int64  `json:"scriptErrors"`
	Measures
	Server *float64   `json:"server" doc:"Seconds that the server took, of all answers."`
	By     []Audience `json:"by" nullable:"false" doc:"The same by who reads it."`
	Slower *Slower    `json:"slower" doc:"Null: it is as fast as in the week before."`
}

// Measures are what browsers measured.
type Measures struct {
	LCP  *float64 `json:"lcp" doc:"Largest contentful paint, in seconds."`
	INP  *float64 `json:"inp" doc:"Interaction to next paint, in seconds."`
	CLS  *float64 `json:"cls" doc:"Cumulative layout shift."`
	TTFB *float64 `json:"ttfb" doc:"Time to the first byte, in seconds."`
}

// An Audience is readers with a class of device and connection.
type Audience struct {
	Device     string `json:"device" enum:"phone,desktop"`
	Connection string `json:"connection" enum:"slow,fast"`
	Views      int64  `json:"views"`
	Measures
}

// Slower says since when a page is slower than it was.
type Slower struct {
	Since   time.Time `json:"since" doc:"The first hour from which on it was slower."`
	Before  float64   `json:"before" doc:"The largest contentful paint in the week before, in seconds."`
	Version string    `json:"version" doc:"Of the program, if that hour was the first one of a version. Empty: the version did not change then."`
}

// A SeenError is a failure of a script of ours.
type SeenError struct {
	Error
	Route   string    `json:"route" doc:"Where it was seen last."`
	Version string    `json:"version"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Seen    int64     `json:"seen"`
}

const (
	reportOver = 24 * time.Hour
	baseOver   = 7 * 24 * time.Hour // before that
	reportFor  = 30 * time.Second   // that a report is shown

	// A page is slower if enough of its readers waited noticeably longer.
	leastViews   = 20
	slowerFactor = 1.25
	slowerBy     = 0.1 // seconds
	leastPart    = 5   // views by which a part of the day is judged
)

// hourly is a row of the database.
type hourly struct {
	rowKey
	version string
	sums
}

// Slowest returns the report of the last 24 hours, which all who ask within half a minute
// share.
func (s *Store) Slowest(ctx context.Context) (*Report, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	now := s.now()
	if s.read != nil && now.Sub(s.readAt) < reportFor {
		return s.read, nil
	}
	report, err := s.report(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("slowest pages: %w", err)
	}
	s.read, s.readAt = report, now
	return report, nil
}

func (s *Store) report(ctx context.Context, now time.Time) (*Report, error) {
	const (
		query = `
			SELECT hour, route, version, device, connection, views, errors, lcp, inp, cls, ttfb, server
			FROM page_vitals WHERE hour >= $1 AND hour <= $2 ORDER BY hour`
		failures = `SELECT message, place, route, version, first, last, seen FROM script_errors ORDER BY last DESC, message, place LIMIT $1`
	)
	r := &Report{Until: now.UTC(), Since: now.UTC().Truncate(time.Hour).Add(-reportOver), Pages: []Page{}}
	from := r.Since.Add(-baseOver)
	// One at a time: the whole would be megabytes.
	pages := map[string]*tally{}
	rows, _ := s.db.Query(ctx, query, from, r.Until)
	var h hourly
	_, err := pgx.ForEachRow(rows, []any{&h.hour, &h.route, &h.version, &h.device, &h.connection, &h.views, &h.errors, &h.lcp, &h.inp, &h.cls, &h.ttfb, &h.server}, func() error {
		if pages[h.route] == nil {
			pages[h.route] = &tally{by: map[Audience]*sums{}}
		}
		pages[h.route].add(&h, r.Since)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, route := range slices.Sorted(maps.Keys(pages)) {
		if page := pages[route].page(route); page.Views > 0 || page.Server != nil {
			r.Pages = append(r.Pages, page)
		}
	}
	slices.SortStableFunc(r.Pages, func(a, b Page) int { return cmp.Compare(value(b.LCP), value(a.LCP)) })
	rows, _ = s.db.Query(ctx, failures, mostKept)
	r.Errors, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e SeenError, err error) {
		return e, row.Scan(&e.Message, &e.Place, &e.Route, &e.Version, &e.First, &e.Last, &e.Seen)
	})
	return r, err
}

func value(of *float64) float64 {
	if of == nil {
		return -1
	}
	return *of
}

// A tally adds up a route's rows, in the order of their hours.
type tally struct {
	sums            // of the report's time
	base     counts // of the largest paint, before it
	parts    []part
	versions []string // in the order in which they appeared
	by       map[Audience]*sums
}

// A part is an hour of the largest paint.
type part struct {
	hour    time.Time
	version string // that was new in it; empty: none was
	lcp     counts
}

// add adds a row. Since is when the report's time begins. The arrays are the caller's.
func (t *tally) add(h *hourly, since time.Time) {
	if h.device != "" {
		fresh := ""
		if !slices.Contains(t.versions, h.version) {
			if len(t.versions) > 0 {
				fresh = h.version
			}
			t.versions = append(t.versions, h.version)
		}
		if n := len(t.parts); n == 0 || !t.parts[n-1].hour.Equal(h.hour) {
			t.parts = append(t.parts, part{hour: h.hour})
		}
		last := &t.parts[len(t.parts)-1]
		last.version = cmp.Or(fresh, last.version)
		last.lcp.plus(h.lcp)
	}
	if h.hour.Before(since) {
		t.base.plus(h.lcp)
		return
	}
	t.plus(&h.sums)
	if h.device != "" {
		who := Audience{Device: h.device, Connection: h.connection}
		if t.by[who] == nil {
			t.by[who] = &sums{}
		}
		t.by[who].plus(&h.sums)
	}
}

func (s *sums) measures() Measures {
	return Measures{LCP: s.lcp.p75(leastTime), INP: s.inp.p75(leastTime), CLS: s.cls.p75(leastCLS), TTFB: s.ttfb.p75(leastTime)}
}

func (t *tally) page(route string) Page {
	p := Page{Route: route, Views: t.views, Failed: t.errors, Measures: t.measures(), Server: t.server.p75(leastTime), By: []Audience{}, Slower: t.slower()}
	for who, of := range t.by {
		who.Views, who.Measures = of.views, of.measures()
		p.By = append(p.By, who)
	}
	slices.SortFunc(p.By, func(a, b Audience) int {
		return cmp.Or(cmp.Compare(b.Views, a.Views), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Connection, b.Connection))
	})
	return p
}

// slower returns since when the page is slower than in the week before, nil if it is not.
// That is the hour after the last one that was not slower; hours with few views count
// with those after them.
func (t *tally) slower() *Slower {
	now, before := t.lcp.p75(leastTime), t.base.p75(leastTime)
	if now == nil || before == nil || t.lcp.sum() < leastViews || t.base.sum() < leastViews || !slow(*now, *before) {
		return nil
	}
	s := &Slower{Before: *before}
	var some counts
	for i, p := range slices.Backward(t.parts) {
		some.plus(p.lcp)
		if some.sum() < leastPart && i > 0 {
			continue
		}
		if at := some.p75(leastTime); at != nil && !slow(*at, *before) {
			break
		}
		s.Since, s.Version, some = p.hour, p.version, nil
	}
	if s.Since.IsZero() {
		return nil // it is fast again
	}
	return s
}

func slow(now, before float64) bool { return now > slowerFactor*before && now > before+slowerBy }
