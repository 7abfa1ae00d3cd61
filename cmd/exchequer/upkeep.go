package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"exchequer/alerts"
)

const (
	tendEvery   = 15 * time.Minute // what a closed ledger needs without readers is done
	tendLooks   = time.Second
	tendAtMost  = 10 * time.Minute // for one ledger at a time
	upkeepConns = 3                // of the process, beside those of open ledgers: see ledger.Settled
	alertsLast  = 10 * time.Second // a ledger is open for alerts of people
)

// tend does for ledgers that are closed what must be done although nobody reads them, one
// ledger after the other, each every quarter of an hour, until ctx ends. Where that takes
// longer for all of them, the one that has waited longest is next.
func (c serveCommand) tend(ctx context.Context, r *roster, log *slog.Logger) {
	r.spreadTending(time.Now())
	for ctx.Err() == nil {
		s := r.untended(time.Now())
		if s == nil {
			select {
			case <-ctx.Done():
			case <-time.After(tendLooks):
			}
			continue
		}
		if err := c.tendOne(ctx, r, s, log.With("ledger", s.Name)); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what a closed ledger needs was not done; it is tried again in a quarter of an hour", "ledger", s.Name, "error", err)
		}
	}
}

// spreadTending has closed ledgers tended in turn from now on, not all at once.
func (r *roster) spreadTending(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.all {
		s.tended = now.Add(-tendEvery + tendEvery*time.Duration(i)/time.Duration(len(r.all)))
	}
}

// untended returns the closed ledger that has waited longest, as tended from now on, nil if
// none has waited long enough.
func (r *roster) untended(now time.Time) (next *standing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.all {
		if s.open == nil && s.opening == nil && now.Sub(s.tended) >= tendEvery && (next == nil || s.tended.Before(next.tended)) {
			next = s
		}
	}
	if next != nil {
		next.tended = now
	}
	return next
}

// tendOne does it for one ledger, with few connections and without a cache. A ledger in
// which people have rules of alerts is opened for a moment, in which they are evaluated.
func (c serveCommand) tendOne(ctx context.Context, r *roster, s *standing, log *slog.Logger) error {
	c = c.of(s.ledgerEntry)
	bounded, cancel := context.WithTimeout(ctx, tendAtMost)
	defer cancel()
	db, err := c.open(bounded, log, access{conns: upkeepConns})
	if err != nil {
		return err
	}
	catchUp(bounded, db, c.ExactHolders, log)
	foldHolders(bounded, db, c.ExactHolders, log)
	c.tendMonths(bounded, db, log)
	if whole, err := c.whole(); c.Dump != "" && err == nil { // a mistake is told when it is opened
		updateDump(bounded, db, c.Dump, c.Licence, whole, log)
	}
	var watched bool
	if c.signs() {
		watched, err = alerts.AnyOwn(bounded, db.Pool)
	}
	if err = errors.Join(err, db.close()); err != nil || !watched {
		return err
	}
	_, release, err := r.obtain(bounded, s, atOnce)
	if err != nil {
		return err
	}
	defer release()
	select {
	case <-ctx.Done():
	case <-time.After(alertsLast):
	}
	return nil
}
