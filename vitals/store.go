package vitals

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	keptFor    = 30 * 24 * time.Hour
	writeEvery = time.Minute
	writeBound = 10 * time.Second
	mostRows   = 2000 // that wait to be written
	mostKept   = 200  // failures, in the database
	mostNew    = 50   // failures that wait to be written
)

// Deps are what a store needs. All but Now are required.
type Deps struct {
	DB         *pgxpool.Pool
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Version    string           // of the program
	Now        func() time.Time // time.Now if nil
}

// A Store counts what browsers measured. Its methods are safe for concurrent use.
type Store struct {
	db      *pgxpool.Pool
	log     *slog.Logger
	version string
	now     func() time.Time
	metrics *metrics

	mu      sync.Mutex
	pending map[rowKey]*sums
	failed  map[Error]*failure
	servers []*Server
	cleaned time.Time // hour in which old rows were deleted last

	reading sync.Mutex // held by Slowest
	read    *Report
	readAt  time.Time
}

// A rowKey is what a row of the database is about.
type rowKey struct {
	hour               time.Time
	route              string
	device, connection string // empty: the server itself
}

// sums are what views add up to.
type sums struct {
	views, errors               int64
	lcp, inp, cls, ttfb, server counts
}

func (s *sums) plus(other *sums) {
	s.views += other.views
	s.errors += other.errors
	s.lcp.plus(other.lcp)
	s.inp.plus(other.inp)
	s.cls.plus(other.cls)
	s.ttfb.plus(other.ttfb)
	s.server.plus(other.server)
}

type failure struct {
	route       string
	first, last time.Time
	seen        int64
}

// New returns a store. It writes while Keep runs.
func New(d Deps) (*Store, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	m, err := newMetrics(d.Registerer)
	if err != nil {
		return nil, fmt.Errorf("vitals: register metrics: %w", err)
	}
	return &Store{
		db: d.DB, log: d.Log, version: d.Version, now: d.Now, metrics: m,
		pending: map[rowKey]*sums{}, failed: map[Error]*failure{},
	}, nil
}

// Add counts a beacon, whose route the caller knows to be one of the site's.
func (s *Store) Add(b *Beacon) {
	s.metrics.add(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if r := s.row(rowKey{now.UTC().Truncate(time.Hour), b.Route, b.Device, b.Connection}); r != nil {
		r.views++
		r.errors += int64(len(b.Errors))
		for _, of := range []struct {
			ms *float64
			to *counts
		}{{b.LCP, &r.lcp}, {b.INP, &r.inp}, {b.TTFB, &r.ttfb}} {
			if of.ms != nil {
				of.to.add(seconds(*of.ms), leastTime)
			}
		}
		if b.CLS != nil {
			r.cls.add(*b.CLS, leastCLS)
		}
	}
	for _, e := range b.Errors {
		f := s.failed[e]
		if f == nil {
			if len(s.failed) >= mostNew {
				continue
			}
			f = &failure{first: now}
			s.failed[e] = f
		}
		f.route, f.last = b.Route, now
		f.seen++
	}
}

// row returns a row that waits to be written, nil if there are too many. The caller holds
// mu.
func (s *Store) row(key rowKey) *sums {
	r := s.pending[key]
	if r == nil && len(s.pending) < mostRows {
		r = &sums{}
		s.pending[key] = r
	}
	return r
}

// A Server counts how long the server took for a route. A nil Server counts nothing.
type Server struct {
	route  string
	counts [buckets]atomic.Int32
}

// Server returns the counts of a route.
func (s *Store) Server(route string) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.servers {
		if of.route == route {
			return of
		}
	}
	of := &Server{route: route}
	s.servers = append(s.servers, of)
	return of
}

// Took counts an answer.
func (s *Server) Took(d time.Duration) {
	if s != nil {
		s.counts[bucketOf(d.Seconds(), leastTime)].Add(1)
	}
}

// collect moves what the server took to the rows. The caller holds mu.
func (s *Store) collect() {
	for _, of := range s.servers {
		var taken counts
		for i := range of.counts {
			if n := of.counts[i].Swap(0); n > 0 {
				if taken == nil {
					taken = make(counts, buckets)
				}
				taken[i] = n
			}
		}
		if taken == nil {
			continue
		}
		if r := s.row(rowKey{s.now().UTC().Truncate(time.Hour), of.route, "", ""}); r != nil {
			r.server.plus(taken)
		}
	}
}

// Keep writes what was counted once a minute, until ctx ends, and then a last time.
func (s *Store) Keep(ctx context.Context) {
	ticks := time.NewTicker(writeEvery)
	defer ticks.Stop()
	failing := false
	for over := false; !over; {
		select {
		case <-ctx.Done():
			over = true
		case <-ticks.C:
		}
		err := s.Write(context.WithoutCancel(ctx))
		if err != nil && !failing {
			s.log.Warn("what browsers measured was not written; it is tried again each minute", "error", err)
		}
		failing = err != nil
	}
}

// Write adds what was counted to the database. If it fails, that waits for the next time.
func (s *Store) Write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeBound)
	defer cancel()
	s.mu.Lock()
	s.collect()
	rows, failed := s.pending, s.failed
	s.pending, s.failed = map[rowKey]*sums{}, map[Error]*failure{}
	s.mu.Unlock()
	if err := s.write(ctx, rows, failed); err != nil {
		s.putBack(rows, failed)
		return fmt.Errorf("write vitals: %w", err)
	}
	return nil
}

// putBack adds what could not be written to what waits.
func (s *Store) putBack(rows map[rowKey]*sums, failed map[Error]*failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, of := range rows {
		if r := s.row(key); r != nil {
			r.plus(of)
		}
	}
	for e, of := range failed {
		if f := s.failed[e]; f != nil {
			f.first, f.seen = of.first, f.seen+of.seen
		} else if len(s.failed) < mostNew {
			s.failed[e] = of
		}
	}
}

// write writes in one transaction, in an order in which processes do not deadlock.
func (s *Store) write(ctx context.Context, rows map[rowKey]*sums, failed map[Error]*failure) error {
	const (
		add = `
			INSERT INTO page_vitals AS v (hour, route, version, device, connection, views, errors, lcp, inp, cls, ttfb, server)
			VALUES (@hour, @route, @version, @device, @connection, @views, @errors, @lcp, @inp, @cls, @ttfb, @server)
			ON CONFLICT (hour, route, version, device, connection) DO UPDATE SET
				views = v.views + excluded.views, errors = v.errors + excluded.errors,
				lcp = add_counts(v.lcp, excluded.lcp), inp = add_counts(v.inp, excluded.inp), cls = add_counts(v.cls, excluded.cls),
				ttfb = add_counts(v.ttfb, excluded.ttfb), server = add_counts(v.server, excluded.server)`
		fail = `
			INSERT INTO script_errors AS e (message, place, route, version, first, last, seen)
			VALUES (@message, @place, @route, @version, @first, @last, @seen)
			ON CONFLICT (message, place) DO UPDATE SET route = excluded.route, version = excluded.version,
				last = greatest(e.last, excluded.last), seen = e.seen + excluded.seen`
		forget = `DELETE FROM script_errors WHERE last < @old OR (message, place) IN (
			SELECT message, place FROM script_errors ORDER BY last DESC, message, place OFFSET @most)`
	)
	now := s.now()
	batch := &pgx.Batch{}
	for _, k := range slices.SortedFunc(maps.Keys(rows), rowKey.compare) {
		r := rows[k]
		batch.Queue(add, pgx.NamedArgs{
			"hour": k.hour, "route": k.route, "version": s.version, "device": k.device, "connection": k.connection, "views": r.views, "errors": r.errors,
			"lcp": stored(r.lcp), "inp": stored(r.inp), "cls": stored(r.cls), "ttfb": stored(r.ttfb), "server": stored(r.server),
		})
	}
	for _, e := range slices.SortedFunc(maps.Keys(failed), Error.compare) {
		f := failed[e]
		batch.Queue(fail, pgx.NamedArgs{"message": e.Message, "place": e.Place, "route": f.route, "version": s.version, "first": f.first, "last": f.last, "seen": f.seen})
	}
	if len(failed) > 0 {
		batch.Queue(forget, pgx.NamedArgs{"old": now.Add(-keptFor), "most": mostKept})
	}
	clean := now.Sub(s.cleaned) >= time.Hour // only Keep writes
	if clean {
		batch.Queue(`DELETE FROM page_vitals WHERE hour < $1`, now.Add(-keptFor))
	}
	if batch.Len() == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return tx.SendBatch(ctx, batch).Close() })
	if err == nil && clean {
		s.cleaned = now
	}
	return err
}

// stored returns counts as the database has them: not null.
func stored(c counts) []int32 {
	if c == nil {
		return []int32{}
	}
	return c
}

func (k rowKey) compare(l rowKey) int {
	return cmp.Or(k.hour.Compare(l.hour), cmp.Compare(k.route, l.route), cmp.Compare(k.device, l.device), cmp.Compare(k.connection, l.connection))
}

func (e Error) compare(f Error) int {
	return cmp.Or(cmp.Compare(e.Message, f.Message), cmp.Compare(e.Place, f.Place))
}
