package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// When attempts are made.
const (
	atOnce       = 4                // receivers that a process sends to
	lease        = time.Minute      // after which another process sends, if this one has not said how it went
	polls        = 2 * time.Second  // how often a process looks for messages
	firstPause   = 10 * time.Second // after a failure; twice as long after each further one
	longPause    = time.Hour
	mostAttempts = 12             // for one message
	giveUpAfter  = 24 * time.Hour // a message is given up, and a receiver that fails for so long is turned off
	offFailures  = 10             // but not after fewer failures
)

// DelivererDeps are what a [Deliverer] needs.
type DelivererDeps struct {
	DB        *pgxpool.Pool
	Receivers []Receiver
	Sender    *Sender
	Settings  func() ledger.Settings
	BaseURL   string // of the site, without a slash at its end; empty: not known
	Now       func() time.Time
	Log       *slog.Logger
	Metrics   *Metrics
}

// A Deliverer sends the messages that wait. Each receiver is sent to by one process at a
// time, one message after the other.
type Deliverer struct {
	DelivererDeps
	receivers map[string]Receiver
	names     []string
}

// NewDeliverer returns a deliverer.
func NewDeliverer(d DelivererDeps) *Deliverer {
	s := &Deliverer{DelivererDeps: d, receivers: map[string]Receiver{}}
	for _, r := range d.Receivers {
		s.receivers[r.Name] = r
		s.names = append(s.names, r.Name)
	}
	return s
}

// Run sends until ctx ends.
func (d *Deliverer) Run(ctx context.Context) {
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for ctx.Err() == nil {
				more, err := d.Deliver(ctx)
				if err != nil && ctx.Err() == nil {
					d.Log.WarnContext(ctx, "sending alerts failed; trying again", "error", err)
				}
				if more && err == nil {
					continue
				}
				select {
				case <-ctx.Done():
				case <-time.After(polls/2 + rand.N(polls/2)):
				}
			}
		})
	}
	work.Wait()
}

// Deliver sends what waits for one receiver, until an attempt fails. It reports whether
// there was a receiver for which something waited.
func (d *Deliverer) Deliver(ctx context.Context) (bool, error) {
	// The receiver is leased by setting when it may be sent to again.
	const claim = `
		UPDATE alert_receivers SET retry_at = $3 WHERE (owner, name) = (
			SELECT owner, name FROM alert_receivers r
			WHERE owner = $1 AND name = ANY($2) AND off IS NULL AND retry_at <= $4
				AND EXISTS (SELECT FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name AND d.status = 'pending')
			ORDER BY retry_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING name`
	var name string
	now := d.Now()
	err := d.DB.QueryRow(ctx, claim, operators, d.names, now.Add(lease), now).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for alerts to send: %w", err)
	}
	for {
		more, err := d.deliverOne(ctx, d.receivers[name])
		if err != nil || !more {
			return true, err
		}
	}
}

// deliverOne sends the oldest message to a receiver that is leased, and writes down how
// it went. It reports whether to go on.
func (d *Deliverer) deliverOne(ctx context.Context, to Receiver) (more bool, err error) {
	const oldest = `
		SELECT a.id, a.rule, a.kind, a.subject, a.at, a.title, a.text, a.path, d.attempts, d.created
		FROM alert_deliveries d JOIN alerts a ON a.id = d.alert
		WHERE d.owner = $1 AND d.receiver = $2 AND d.status = 'pending' ORDER BY d.attempts, d.created, d.alert LIMIT 1`
	m := Message{Economy: d.Settings().Name}
	var path string
	var w attempt
	err = d.DB.QueryRow(ctx, oldest, operators, to.Name).Scan(&m.ID, &m.Rule, &m.Kind, &m.Subject, &m.At, &m.Title, &m.Text, &path, &w.attempts, &w.created)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, d.release(ctx, to)
	}
	if err != nil {
		return false, fmt.Errorf("read an alert: %w", err)
	}
	if d.BaseURL != "" {
		m.URL = d.BaseURL + path
	}
	w.alert, w.to = m.ID, to.Name
	w.outcome, w.err = d.Sender.Send(ctx, to, m)
	if ctx.Err() != nil {
		return false, d.release(ctx, to) // at shutdown; it is sent again
	}
	return d.record(ctx, w)
}

// release gives the lease of a receiver up.
func (d *Deliverer) release(ctx context.Context, to Receiver) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, err := d.DB.Exec(ctx, `UPDATE alert_receivers SET retry_at = $3 WHERE owner = $1 AND name = $2`, operators, to.Name, d.Now())
	return err
}

// An attempt is one to send a message.
type attempt struct {
	alert, to string
	attempts  int // before
	created   time.Time
	outcome   string
	err       error
}

// record writes down how an attempt went. It reports whether to go on.
func (d *Deliverer) record(ctx context.Context, a attempt) (more bool, err error) {
	now := d.Now()
	status, outcome := "sent", a.outcome
	if a.err != nil {
		status, outcome = "pending", a.err.Error()
		if a.attempts+1 >= mostAttempts || now.Sub(a.created) >= giveUpAfter {
			status = "failed"
		}
	}
	d.Metrics.deliveries.WithLabelValues(a.to, map[bool]string{true: "sent", false: "failed"}[a.err == nil]).Inc()
	err = pgx.BeginFunc(ctx, d.DB, func(tx pgx.Tx) error {
		const write = `UPDATE alert_deliveries SET status = $4, attempts = attempts + 1, tried = $5, outcome = $6 WHERE owner = $1 AND receiver = $2 AND alert = $3`
		if _, err := tx.Exec(ctx, write, operators, a.to, a.alert, status, now, outcome); err != nil {
			return err
		}
		if a.err == nil {
			const went = `UPDATE alert_receivers SET retry_at = $3, failures = 0, failing_since = NULL, problem = '' WHERE owner = $1 AND name = $2`
			_, err := tx.Exec(ctx, went, operators, a.to, now.Add(lease))
			return err
		}
		return d.failed(ctx, tx, a, now)
	})
	if err != nil {
		return false, fmt.Errorf("write down how sending an alert went: %w", err)
	}
	if a.err != nil {
		d.Log.WarnContext(ctx, "sending an alert failed", "receiver", a.to, "id", a.alert, "attempt", a.attempts+1, "error", a.err)
	}
	return a.err == nil, nil
}

// failed writes down that a receiver has failed. One that has for a day is turned off,
// and what waits for it is dropped.
func (d *Deliverer) failed(ctx context.Context, tx pgx.Tx, a attempt, now time.Time) error {
	const count = `
		UPDATE alert_receivers SET failures = failures + 1, failing_since = coalesce(failing_since, $3), problem = $4
		WHERE owner = $1 AND name = $2 RETURNING failures, failing_since`
	var failures int
	var since time.Time
	if err := tx.QueryRow(ctx, count, operators, a.to, now, a.err.Error()).Scan(&failures, &since); err != nil {
		return err
	}
	if failures >= offFailures && now.Sub(since) >= giveUpAfter {
		d.Log.ErrorContext(ctx, "a receiver of alerts is turned off, since it has failed for a day", "receiver", a.to)
		const drop = `UPDATE alert_deliveries SET status = 'dropped', outcome = 'the receiver was turned off' WHERE owner = $1 AND receiver = $2 AND status = 'pending'`
		if _, err := tx.Exec(ctx, drop, operators, a.to); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE alert_receivers SET off = $3 WHERE owner = $1 AND name = $2`, operators, a.to, now)
		return err
	}
	wait := pause(failures)
	if asked := (*refused)(nil); errors.As(a.err, &asked) {
		wait = max(wait, asked.after)
	}
	_, err := tx.Exec(ctx, `UPDATE alert_receivers SET retry_at = $3 WHERE owner = $1 AND name = $2`, operators, a.to, now.Add(wait))
	return err
}

// pause returns how long a receiver is left alone after so many failures in a row.
func pause(failures int) time.Duration {
	wait := firstPause
	for range failures - 1 {
		if wait = 2 * wait; wait >= longPause {
			return longPause
		}
	}
	return wait
}
