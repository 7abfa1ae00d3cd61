package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Status is how the operators' rules and receivers stand.
type Status struct {
	Evaluated *time.Time // the window that was evaluated last; nil: none yet
	Rules     []RuleStatus
	Receivers []ReceiverStatus
}

// A RuleStatus is how a rule stands.
type RuleStatus struct {
	Rule      Rule
	Evaluated time.Time
	Fired     *time.Time // nil: never yet
	Problem   string     // why it could not be evaluated
	Firing    []string   // the things of which it holds
}

// Holds returns that the rule holds, and of which things if it is about several.
func (r RuleStatus) Holds() string {
	var others []string
	for _, of := range r.Firing {
		if of != r.Rule.Of {
			others = append(others, of)
		}
	}
	return strings.TrimSpace("holds " + strings.Join(others, ", "))
}

// A ReceiverStatus is how sending to a receiver goes.
type ReceiverStatus struct {
	Name         string
	Kind         Form
	Pending      int
	Failures     int // in a row
	FailingSince *time.Time
	Off          *time.Time // since when, after repeated failures
	Problem      string     // of the last failure
	Sent         *time.Time // when something was last sent
}

// ReadStatus returns how alerts stand.
func ReadStatus(ctx context.Context, db *pgxpool.Pool) (s Status, err error) {
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT evaluated FROM alert_evaluation WHERE id = 1`).Scan(&s.Evaluated); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		const rules = `
			SELECT definition, evaluated, fired, problem,
				ARRAY(SELECT subject FROM alert_states s WHERE s.owner = r.owner AND s.rule = r.name AND s.state = 'firing' ORDER BY subject) AS firing
			FROM alert_rules r WHERE owner = $1 ORDER BY name`
		rows, _ := tx.Query(ctx, rules, operators)
		s.Rules, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RuleStatus])
		if err != nil {
			return err
		}
		const receivers = `
			SELECT name, kind, (SELECT count(*) FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name AND status = 'pending') AS pending,
				failures, failing_since, off, problem,
				(SELECT max(tried) FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name AND status = 'sent') AS sent
			FROM alert_receivers r WHERE owner = $1 ORDER BY name`
		rows, _ = tx.Query(ctx, receivers, operators)
		s.Receivers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ReceiverStatus])
		return err
	})
	if err != nil {
		return s, fmt.Errorf("read the status of alerts: %w", err)
	}
	return s, nil
}

// A Delivery is a message to a receiver.
type Delivery struct {
	Alert    string
	Rule     string
	Title    string
	Receiver string
	Status   string // pending, sent, failed, dropped
	Created  time.Time
	Tried    *time.Time
	Attempts int
	Outcome  string
}

// Deliveries returns the latest messages, newest first.
func Deliveries(ctx context.Context, db *pgxpool.Pool, limit int) ([]Delivery, error) {
	return DeliveriesBefore(ctx, db, time.Now().AddDate(1, 0, 0), limit)
}

// DeliveriesBefore returns the latest messages of those that were made before a time.
func DeliveriesBefore(ctx context.Context, db *pgxpool.Pool, before time.Time, limit int) ([]Delivery, error) {
	const query = `
		SELECT d.alert, a.rule, a.title, d.receiver, d.status, d.created, d.tried, d.attempts, d.outcome
		FROM alert_deliveries d JOIN alerts a ON a.id = d.alert WHERE d.owner = $1 AND d.created < $3 ORDER BY d.created DESC, d.alert, d.receiver LIMIT $2`
	rows, _ := db.Query(ctx, query, operators, limit, before)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Delivery])
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return all, nil
}

// TurnOn turns a receiver on again that was turned off. It reports whether there is one.
func TurnOn(ctx context.Context, db interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
}, receiver string,
) (bool, error) {
	const write = `UPDATE alert_receivers SET off = NULL, failures = 0, failing_since = NULL, problem = '', retry_at = now() WHERE owner = $1 AND name = $2`
	tag, err := db.Exec(ctx, write, operators, receiver)
	if err != nil {
		return false, fmt.Errorf("turn a receiver on: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}
