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
	"exchequer/views"
)

// When attempts are made.
const (
	atOnce       = 4                // receivers that a process sends to, of the operators and of people each
	mostInARow   = 10               // messages to a receiver of somebody, before others have their turn
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
	Receivers []Receiver // of the operators
	Sender    *Sender
	Peoples   *Sender // to receivers of people who have signed in; nil: these have none
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
	each := []func(context.Context) (bool, error){d.Deliver}
	if d.Peoples != nil { // who are slow hold up no operator
		each = append(each, d.DeliverOwn)
	}
	for n := range atOnce * len(each) {
		deliver := each[n%len(each)]
		work.Go(func() {
			for ctx.Err() == nil {
				more, err := deliver(ctx)
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

// Deliver sends what waits for one of the operators' receivers, until an attempt fails.
// It reports whether there was a receiver for which something waited.
func (d *Deliverer) Deliver(ctx context.Context) (bool, error) {
	_, name, err := d.lease(ctx, `owner = $3 AND name = ANY($4)`, operators, d.names)
	if err != nil || name == "" {
		return false, err
	}
	for {
		more, err := d.deliverOne(ctx, d.receivers[name])
		if err != nil || !more {
			return true, err
		}
	}
}

// DeliverOwn does the same for a receiver of somebody who has signed in.
func (d *Deliverer) DeliverOwn(ctx context.Context) (bool, error) {
	owner, name, err := d.lease(ctx, `owner <> $3`, operators)
	if err != nil || name == "" {
		return false, err
	}
	to, err := readReceiver(ctx, d.DB, owner, name)
	if err != nil {
		return true, err
	}
	for range mostInARow {
		more, err := d.deliverOne(ctx, to)
		if err != nil || !more {
			return true, err
		}
	}
	return true, d.release(ctx, to)
}

// readReceiver reads a receiver of somebody.
func readReceiver(ctx context.Context, db *pgxpool.Pool, owner, name string) (Receiver, error) {
	r := Receiver{Owner: owner, Name: name}
	var address, secret string
	err := db.QueryRow(ctx, `SELECT kind, url, secret FROM own_receivers WHERE owner = $1 AND name = $2`, owner, name).Scan(&r.Form, &address, &secret)
	if err == nil {
		r.url, err = parseTarget(address, []string{"https", "https"})
	}
	if err == nil && r.Form == Webhook {
		r.secret, err = parseSecret(secret)
	}
	if err != nil {
		return r, fmt.Errorf("read a receiver of somebody: %w", err)
	}
	return r, nil
}

// lease returns a receiver for which something waits, empty if there is none. Another
// process may have it when the lease is over, which is when it may be sent to again.
func (d *Deliverer) lease(ctx context.Context, which string, args ...any) (owner, name string, err error) {
	claim := `
		UPDATE alert_receivers SET retry_at = $1 WHERE (owner, name) = (
			SELECT owner, name FROM alert_receivers r
			WHERE ` + which + ` AND off IS NULL AND retry_at <= $2
				AND EXISTS (SELECT FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name AND d.status = 'pending')
			ORDER BY retry_at LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING owner, name`
	now := d.Now()
	err = d.DB.QueryRow(ctx, claim, append([]any{now.Add(lease), now}, args...)...).Scan(&owner, &name)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", "", fmt.Errorf("look for alerts to send: %w", err)
	}
	return owner, name, nil
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
	w := attempt{to: to}
	err = d.DB.QueryRow(ctx, oldest, to.Owner, to.Name).Scan(&m.ID, &m.Rule, &m.Kind, &m.Subject, &m.At, &m.Title, &m.Text, &path, &w.attempts, &w.created)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, d.release(ctx, to)
	}
	if err != nil {
		return false, fmt.Errorf("read an alert: %w", err)
	}
	if d.BaseURL != "" {
		m.URL = d.BaseURL + path
	}
	w.alert, m.Test = m.ID, m.Kind == testKind
	sender := d.Sender
	if to.Owner != operators {
		sender = d.Peoples
		if may, err := d.mayHave(ctx, to.Owner, m); err != nil || !may {
			return err == nil, errors.Join(err, d.drop(ctx, w, "it may no longer be shown to you"))
		}
	}
	w.outcome, w.err = sender.Send(ctx, to, m)
	if ctx.Err() != nil {
		return false, d.release(ctx, to) // at shutdown; it is sent again
	}
	return d.record(ctx, w)
}

// release gives the lease of a receiver up.
func (d *Deliverer) release(ctx context.Context, to Receiver) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, err := d.DB.Exec(ctx, `UPDATE alert_receivers SET retry_at = $3 WHERE owner = $1 AND name = $2`, to.Owner, to.Name, d.Now())
	return err
}

// mayHave reports whether an alert may still be sent to somebody: what they watch has
// ended with their claim, and who is hidden meanwhile is named nowhere.
func (d *Deliverer) mayHave(ctx context.Context, owner string, m Message) (bool, error) {
	if m.Test {
		return true, nil
	}
	var hidden bool
	if err := d.DB.QueryRow(ctx, `SELECT `+namesHidden+` FROM alerts s WHERE id = $1`, m.ID).Scan(&hidden); err != nil || hidden {
		return false, err
	}
	owned, err := readOwned(ctx, d.DB, []string{owner}, []string{m.Subject})
	// What they may see of the rest was known half a minute before it was written.
	return Rule{Owner: owner, Kind: m.Kind, Of: m.Subject}.barred(views.ShowsDealings, owned) == "", err
}

// drop writes down that a message is not sent.
func (d *Deliverer) drop(ctx context.Context, a attempt, why string) error {
	const write = `UPDATE alert_deliveries SET status = 'dropped', outcome = $4 WHERE alert = $1 AND owner = $2 AND receiver = $3`
	if _, err := d.DB.Exec(ctx, write, a.alert, a.to.Owner, a.to.Name, why); err != nil {
		return fmt.Errorf("drop an alert: %w", err)
	}
	return nil
}

// An attempt is one to send a message.
type attempt struct {
	alert    string
	to       Receiver
	attempts int // before
	created  time.Time
	outcome  string
	err      error
}

// label is what a receiver is called in metrics: people are too many to be told apart.
func (r Receiver) label() string {
	if r.Owner != operators {
		return "people"
	}
	return r.Name
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
	d.Metrics.deliveries.WithLabelValues(a.to.label(), map[bool]string{true: "sent", false: "failed"}[a.err == nil]).Inc()
	err = pgx.BeginFunc(ctx, d.DB, func(tx pgx.Tx) error {
		const write = `UPDATE alert_deliveries SET status = $4, attempts = attempts + 1, tried = $5, outcome = $6 WHERE owner = $1 AND receiver = $2 AND alert = $3`
		if _, err := tx.Exec(ctx, write, a.to.Owner, a.to.Name, a.alert, status, now, outcome); err != nil {
			return err
		}
		if a.err == nil {
			const went = `UPDATE alert_receivers SET retry_at = $3, failures = 0, failing_since = NULL, problem = '' WHERE owner = $1 AND name = $2`
			_, err := tx.Exec(ctx, went, a.to.Owner, a.to.Name, now.Add(lease))
			return err
		}
		return d.failed(ctx, tx, a, now)
	})
	if err != nil {
		return false, fmt.Errorf("write down how sending an alert went: %w", err)
	}
	if a.err != nil {
		level := slog.LevelWarn
		if a.to.Owner != operators { // who can do something about it sees it on their page
			level = slog.LevelDebug
		}
		d.Log.Log(ctx, level, "sending an alert failed", "receiver", a.to.label(), "id", a.alert, "attempt", a.attempts+1, "error", a.err)
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
	err := tx.QueryRow(ctx, count, a.to.Owner, a.to.Name, now, a.err.Error()).Scan(&failures, &since)
	if errors.Is(err, pgx.ErrNoRows) { // it was removed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	if failures >= offFailures && now.Sub(since) >= giveUpAfter {
		level := slog.LevelError
		if a.to.Owner != operators {
			level = slog.LevelInfo
		}
		d.Log.Log(ctx, level, "a receiver of alerts is turned off, since it has failed for a day", "receiver", a.to.label())
		const drop = `UPDATE alert_deliveries SET status = 'dropped', outcome = 'the receiver was turned off' WHERE owner = $1 AND receiver = $2 AND status = 'pending'`
		if _, err := tx.Exec(ctx, drop, a.to.Owner, a.to.Name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE alert_receivers SET off = $3 WHERE owner = $1 AND name = $2`, a.to.Owner, a.to.Name, now)
		return err
	}
	wait := pause(failures)
	if asked := (*refused)(nil); errors.As(a.err, &asked) {
		wait = max(wait, asked.after)
	}
	_, err = tx.Exec(ctx, `UPDATE alert_receivers SET retry_at = $3 WHERE owner = $1 AND name = $2`, a.to.Owner, a.to.Name, now.Add(wait))
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
