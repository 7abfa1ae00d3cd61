package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/web"
)

const (
	settledAfter = 10 * time.Second       // a ledger is settled once it is read so long after it was opened
	keptFor      = 2 * time.Minute        // after its last reader, a settled ledger makes no room for others
	heldFor      = 2 * time.Minute        // a request keeps its ledger from making room, such as a slow download
	idleFor      = 10 * time.Minute       // without a reader, a ledger is closed
	idleLooks    = 30 * time.Second       // how often that is looked for
	failedFor    = 5 * time.Second        // after a failure, a ledger is not tried again
	roomWithin   = 5 * time.Second        // a place is waited for
	roomLooks    = 100 * time.Millisecond // how often one that waits looks for a place
	openWithin   = 20 * time.Second
)

// A roster keeps few of many ledgers open: those that are read. It opens a ledger at its
// first request, and closes one that is idle, or that can be missed best where another one
// needs its place.
//
// One that a reader has come back to is settled. Settled ledgers keep three quarters of
// the places while they are read, and others take turns in the rest (a segmented LRU): who
// reads one ledger after the other closes none that has readers.
type roster struct {
	rosterDeps
	ctx  context.Context // of all that it opens
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	all    []*standing
	taken  int // places: of ledgers that are open, are being opened or are being closed
	opens  uint64
	closes uint64
}

// rosterDeps are what a roster needs.
type rosterDeps struct {
	places int // ledgers that are open at a time, those that always are apart
	// open opens a ledger. The context it is given ends with the roster; it is to be done
	// within the other one.
	open func(ctx, within context.Context, s *standing) (*openLedger, error)
	log  *slog.Logger
}

// An openLedger is a ledger that can be read.
type openLedger struct {
	handler  http.Handler
	db       *database
	registry *prometheus.Registry        // its metrics
	busy     func() bool                 // somebody has begun what has not ended
	close    func(context.Context) error // after all that it runs
}

// A standing is how a ledger stands.
type standing struct {
	*ledgerEntry
	always bool // it is open from the start on, and stays so

	// Guarded by the roster.
	open    *openLedger // nil: it is closed
	opening *opening    // nil: nobody has asked for it
	closing chan struct{}
	failure error // of the last attempt to open it
	failed  time.Time
	holds   int // requests that are under way
	young   int // of these, those that began within heldFor
	opened  time.Time
	used    time.Time
	settled bool
	tended  time.Time // when its work without readers was done last: see upkeep
}

// An opening is an attempt to open a ledger, for all who wait for it.
type opening struct {
	done    chan struct{}
	err     error
	refused bool // it was not attempted
}

// newRoster returns a roster of ledgers, with those that are always open still to be
// opened by openAlways.
func newRoster(ctx context.Context, all []*standing, d rosterDeps) *roster {
	r := &roster{rosterDeps: d, all: all}
	r.ctx, r.stop = context.WithCancel(ctx)
	r.work.Go(r.closeIdle)
	return r
}

// hold returns a ledger if it is open, and what lets go of it. Until then it stays open; but
// for one that is held for long, another ledger that needs the place does not wait. It is
// read, or only looked at, which keeps no ledger open afterwards.
func (r *roster) hold(s *standing, reads bool) (*openLedger, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.open == nil || s.closing != nil {
		return nil, nil
	}
	s.holds++
	s.young++
	if reads {
		s.used = time.Now()
		s.settled = s.settled || s.used.Sub(s.opened) >= settledAfter
	}
	age := sync.OnceFunc(func() { s.young-- })
	aging := time.AfterFunc(heldFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		age()
	})
	return s.open, sync.OnceFunc(func() {
		aging.Stop()
		r.mu.Lock()
		defer r.mu.Unlock()
		age()
		if s.holds--; reads {
			s.used = time.Now()
		}
	})
}

// holdAll holds all ledgers that are open, to look at them.
func (r *roster) holdAll(each func(*standing, *openLedger)) {
	for _, s := range r.all {
		if open, release := r.hold(s, false); open != nil {
			each(s, open)
			release()
		}
	}
}

// obtain is hold of a ledger that may be closed, and is opened then. However many ask,
// it is opened once; begin waits until that may begin.
func (r *roster) obtain(ctx context.Context, s *standing, begin func(context.Context) (free func(), err error)) (*openLedger, func(), error) {
	for {
		if open, release := r.hold(s, true); open != nil {
			return open, release, nil
		}
		o, mine, err := r.join(s, begin, false)
		if err != nil {
			return nil, nil, err
		}
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		// What refused the one who began says nothing about the others.
		if o.err != nil && (mine || !o.refused) {
			return nil, nil, o.err
		}
	}
}

// join returns the opening of a ledger, and reports whether it began with this call. Soon
// after a failure none is begun, unless it is tried again.
func (r *roster) join(s *standing, begin func(context.Context) (func(), error), again bool) (o *opening, mine bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ctx.Err() != nil:
		return nil, false, errShuttingDown
	case s.opening != nil:
		return s.opening, false, nil
	case s.failure != nil && !again && (s.always || time.Since(s.failed) < failedFor):
		return nil, false, s.failure // one that is always open is tried again by itself
	}
	s.opening = &opening{done: make(chan struct{})}
	r.work.Go(func() { r.attempt(s, s.opening, begin) })
	return s.opening, true, nil
}

// attempt opens a ledger, when it may begin and there is room.
func (r *roster) attempt(s *standing, o *opening, begin func(context.Context) (func(), error)) {
	free, err := r.prepare(s, begin)
	o.refused = err != nil
	var opened *openLedger
	if err == nil {
		opened, err = r.tryOpen(s)
		free()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case o.refused:
	case err != nil:
		s.failure, s.failed = err, time.Now()
		r.leave(s)
	default:
		s.open, s.failure, s.settled = opened, nil, false
		s.opened, s.used = time.Now(), time.Now()
		r.opens++
	}
	o.err, s.opening = err, nil
	close(o.done)
}

// prepare waits until a ledger may be opened, and returns what is to be called when it is.
func (r *roster) prepare(s *standing, begin func(context.Context) (func(), error)) (free func(), err error) {
	r.mu.Lock()
	before := s.closing
	r.mu.Unlock()
	if before != nil {
		<-before // it ends by itself
	}
	waiting, cancel := context.WithTimeout(r.ctx, roomWithin)
	defer cancel()
	if free, err = begin(waiting); err != nil {
		return nil, err
	}
	if err := r.room(waiting, s); err != nil {
		free()
		return nil, err
	}
	return free, nil
}

// tryOpen opens a ledger. A panic is an error: it is that of one ledger.
func (r *roster) tryOpen(s *standing) (opened *openLedger, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	within, cancel := context.WithTimeout(r.ctx, openWithin)
	defer cancel()
	opened, err = r.open(r.ctx, within, s)
	if err != nil && r.ctx.Err() == nil && !s.always {
		r.log.ErrorContext(r.ctx, "this ledger cannot be opened", "ledger", s.Name, "error", err)
	}
	return opened, err
}

// room waits for a place, and takes it. It makes one by closing another ledger.
func (r *roster) room(ctx context.Context, s *standing) error {
	if s.always {
		return nil
	}
	for {
		r.mu.Lock()
		if r.taken < r.places {
			r.taken++
			r.mu.Unlock()
			return nil
		}
		missed := r.leastMissed(time.Now())
		r.mu.Unlock()
		if missed != nil {
			r.finish(missed)
			continue // perhaps another one was faster
		}
		select {
		case <-time.After(roomLooks):
		case <-ctx.Done():
			return errors.Join(web.ErrLedgersFull, ctx.Err())
		}
	}
}

// leave gives back a place. The caller holds mu.
func (r *roster) leave(s *standing) {
	if !s.always {
		r.taken--
	}
}

// leastMissed returns the ledger to close for another one, from now on closing, nil if none
// can be. The caller holds mu.
func (r *roster) leastMissed(now time.Time) *standing {
	var new, settled *standing // those that were used least recently
	kept := 0
	for _, s := range r.all {
		if s.open == nil || s.always || s.closing != nil {
			continue
		}
		if s.settled {
			kept++
		}
		if s.young > 0 || s.open.busy() {
			continue
		}
		oldest := &new
		if s.settled {
			oldest = &settled
		}
		if *oldest == nil || s.used.Before((*oldest).used) {
			*oldest = s
		}
	}
	switch {
	case new != nil:
		new.closing = make(chan struct{})
		return new
	case settled != nil && (now.Sub(settled.used) > keptFor || kept > r.places*3/4):
		settled.closing = make(chan struct{})
		return settled
	}
	return nil
}

// closeIdle closes ledgers that nobody reads, until the roster ends.
func (r *roster) closeIdle() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(idleLooks):
		}
		var idle []*standing
		r.mu.Lock()
		for _, s := range r.all {
			if s.open != nil && !s.always && s.closing == nil && s.holds == 0 && time.Since(s.used) > idleFor && !s.open.busy() {
				s.closing = make(chan struct{})
				idle = append(idle, s)
			}
		}
		r.mu.Unlock()
		for _, s := range idle {
			r.finish(s)
		}
	}
}

// closeWithin is how long what a ledger computes may take to end when it is closed.
const closeWithin = 10 * time.Second

// finish closes a ledger that is marked as closing.
func (r *roster) finish(s *standing) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), closeWithin)
	defer cancel()
	if err := s.open.close(ctx); err != nil {
		r.log.WarnContext(ctx, "closing a ledger", "ledger", s.Name, "error", err)
	}
	r.log.DebugContext(ctx, "ledger closed", "ledger", s.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.open, s.tended = nil, time.Now()
	r.leave(s)
	r.closes++
	close(s.closing)
	s.closing = nil
}

// openAlways opens a ledger that is always open, however long that takes. It returns an
// error only if trying again is of no use. It calls waits if it takes long.
func (r *roster) openAlways(s *standing, waits func()) error {
	return retry(r.ctx, func() error {
		o, _, err := r.join(s, atOnce, true)
		if err != nil {
			return err
		}
		<-o.done
		return o.err
	}, func(err error, pause time.Duration) bool {
		if errors.Is(err, errMistake) {
			return false
		}
		waits()
		r.log.ErrorContext(r.ctx, "this ledger cannot be read; trying again", "ledger", s.Name, "in", pause.String(), "error", err)
		return true
	})
}

// atOnce is a begin that waits for nothing.
func atOnce(context.Context) (func(), error) { return func() {}, nil }

// close closes all ledgers. Nobody may use the roster any more.
func (r *roster) close(ctx context.Context) error {
	r.mu.Lock()
	r.stop() // nothing is begun after this
	r.mu.Unlock()
	r.work.Wait()
	errs := make([]error, len(r.all))
	var closing sync.WaitGroup
	for i, s := range r.all {
		if s.open != nil {
			closing.Go(func() { errs[i] = s.open.close(ctx) })
		}
	}
	closing.Wait()
	return errors.Join(errs...)
}

// away reports whether a ledger could not be opened when that was tried last.
func (r *roster) away(s *standing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.failure != nil
}

// stands returns how the ledgers stand, for metrics and checks.
func (r *roster) stands() (open int, failing []string, opens, closes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		if s.open != nil {
			open++
		}
		if s.failure != nil {
			failing = append(failing, s.Name)
		}
	}
	return open, failing, r.opens, r.closes
}
