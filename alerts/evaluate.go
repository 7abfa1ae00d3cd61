package alerts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/views"
)

const (
	window  = 30 * time.Second // in which rules are evaluated once
	looks   = 3 * time.Second  // how often a process sees whether that is done
	keepFor = 30 * 24 * time.Hour
	// mostPending is how many messages wait for a receiver. Further ones are dropped, as
	// the log of deliveries says.
	mostPending = 1000
)

// operators is the owner of the rules of their file.
const operators = ""

// lockID is the advisory lock of who evaluates.
const lockID = 0x616c6572 // "aler"

// EvaluatorDeps are what an [Evaluator] needs.
type EvaluatorDeps struct {
	DB       *pgxpool.Pool
	Memos    Memos
	Config   *Config
	Settings func() ledger.Settings
	Known    aggregates.Known
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  *Metrics
}

// An Evaluator evaluates rules once a window. Of the processes that have one, one does
// it each time.
type Evaluator struct {
	EvaluatorDeps
	done time.Time // the last window that is known to be evaluated
}

// NewEvaluator returns an evaluator.
func NewEvaluator(d EvaluatorDeps) *Evaluator { return &Evaluator{EvaluatorDeps: d} }

// Run evaluates until ctx ends.
func (e *Evaluator) Run(ctx context.Context) {
	for {
		if err := e.Evaluate(ctx); err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "evaluating alerts failed; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(looks):
		}
	}
}

// Evaluate evaluates the rules, unless this or another process has in this window.
func (e *Evaluator) Evaluate(ctx context.Context) error {
	at := cache.WindowAt(e.Now(), window).Start
	if !e.done.Before(at) {
		return nil
	}
	var last time.Time
	err := e.DB.QueryRow(ctx, `SELECT evaluated FROM alert_evaluation WHERE id = 1`).Scan(&last)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("see whether a window is evaluated: %w", err)
	}
	if !last.Before(at) {
		e.done = last
		return nil
	}
	read := e.Memos.read(ctx, e.Config.Rules, e.Known)
	var fired []alert
	var done bool
	err = pgx.BeginTxFunc(ctx, e.DB, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) (err error) {
		done, fired, err = (&evaluation{Evaluator: e, tx: tx, at: at, now: e.Now().UTC(), values: read}).run(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("evaluate alerts: %w", err)
	}
	if done {
		e.done = at
	}
	for _, a := range fired {
		e.Metrics.fired.WithLabelValues(string(a.kind)).Inc()
		e.Log.InfoContext(ctx, "alert", "rule", a.rule, "id", a.id)
	}
	return nil
}

// An evaluation is that of one window, in one transaction.
type evaluation struct {
	*Evaluator
	tx     pgx.Tx
	at     time.Time
	now    time.Time
	values values

	settings ledger.Settings
	marks    marks
	rules    map[string]known
	states   map[string]map[string]state // by rule and subject
	off      map[string]bool             // receivers
	fired    []alert
}

// known is what the database has of a rule.
type known struct {
	definition Rule
	sinceID    int64 // transactions, or sales, up to it are no news
}

// An alert is what is to be told.
type alert struct {
	id, rule string
	kind     Kind
}

// run evaluates all rules. It reports whether the window is evaluated, by this or
// another process; if not, another process is about to.
func (v *evaluation) run(ctx context.Context) (done bool, fired []alert, err error) {
	// The server drops the connection of a machine that is gone, and the lock with it.
	const lead = `SELECT set_config('tcp_keepalives_idle', '2', true), set_config('tcp_keepalives_interval', '1', true),
		set_config('tcp_keepalives_count', '3', true), set_config('tcp_user_timeout', '5000', true), pg_try_advisory_xact_lock($1)`
	var leads bool
	if err := v.tx.QueryRow(ctx, lead, lockID).Scan(nil, nil, nil, nil, &leads); err != nil || !leads {
		return false, nil, err
	}
	if v.marks, err = readMarks(ctx, v.tx, v.now); err != nil || !v.marks.evaluated.Before(v.at) {
		return err == nil, nil, err
	}
	v.settings = v.Settings()
	if err := v.load(ctx); err != nil {
		return false, nil, err
	}
	happened, err := v.readRecord(ctx)
	if err != nil {
		return false, nil, err
	}
	for _, r := range v.Config.Rules {
		if err := v.evaluate(ctx, r, happened); err != nil {
			return false, nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	if err := v.marks.write(ctx, v.tx, v.at, v.now); err != nil {
		return false, nil, err
	}
	return true, v.fired, v.sweep(ctx)
}

// load brings what the database has of rules and receivers up to date, and reads it.
func (v *evaluation) load(ctx context.Context) error {
	for _, r := range v.Config.Receivers {
		// A receiver whose address has changed is on again.
		const write = `
			INSERT INTO alert_receivers (owner, name, kind, target, retry_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (owner, name) DO UPDATE SET kind = excluded.kind, target = excluded.target, retry_at = excluded.retry_at,
				failures = 0, failing_since = NULL, off = NULL, problem = ''
			WHERE alert_receivers.target <> excluded.target`
		if _, err := v.tx.Exec(ctx, write, operators, r.Name, r.Form, r.target(), v.now); err != nil {
			return fmt.Errorf("receivers: %w", err)
		}
	}
	v.off = map[string]bool{}
	rows, _ := v.tx.Query(ctx, `
		SELECT name, off IS NOT NULL OR (SELECT count(*) FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name AND status = 'pending') >= $2
		FROM alert_receivers r WHERE owner = $1`, operators, mostPending)
	var name string
	var is bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &is}, func() error { v.off[name] = is; return nil }); err != nil {
		return fmt.Errorf("receivers: %w", err)
	}
	v.rules = map[string]known{}
	rows, _ = v.tx.Query(ctx, `SELECT name, definition, since_id FROM alert_rules WHERE owner = $1`, operators)
	var definition []byte
	var sinceID int64
	_, err := pgx.ForEachRow(rows, []any{&name, &definition, &sinceID}, func() error {
		var r Rule
		if err := json.Unmarshal(definition, &r); err != nil {
			return err
		}
		v.rules[name] = known{r, sinceID}
		return nil
	})
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	v.states = map[string]map[string]state{}
	rows, _ = v.tx.Query(ctx, `SELECT rule, subject, state, since, candidate, candidate_since, as_of FROM alert_states WHERE owner = $1`, operators)
	var rule, subject string
	var s state
	_, err = pgx.ForEachRow(rows, []any{&rule, &subject, &s.State, &s.Since, &s.Candidate, &s.CandidateSince, &s.AsOf}, func() error {
		if v.states[rule] == nil {
			v.states[rule] = map[string]state{}
		}
		v.states[rule][subject] = s
		s.CandidateSince = nil
		return nil
	})
	if err != nil {
		return fmt.Errorf("states of rules: %w", err)
	}
	return nil
}

// evaluate evaluates one rule.
func (v *evaluation) evaluate(ctx context.Context, r Rule, happened record) error {
	before, was := v.rules[r.Name]
	if !was || !sameRule(before.definition.watches(), r.watches()) {
		before.sinceID = v.marks.transactions
		if r.Kind == ShopSold {
			before.sinceID = v.marks.sales
		}
		v.states[r.Name] = nil
		if _, err := v.tx.Exec(ctx, `DELETE FROM alert_states WHERE owner = $1 AND rule = $2`, operators, r.Name); err != nil {
			return err
		}
	}
	const write = `
		INSERT INTO alert_rules (owner, name, definition, since_id, evaluated) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (owner, name) DO UPDATE SET definition = excluded.definition, since_id = excluded.since_id, evaluated = excluded.evaluated`
	if _, err := v.tx.Exec(ctx, write, operators, r.Name, r, before.sinceID, v.now); err != nil {
		return err
	}
	var problem string
	var err error
	switch r.Kind {
	case AccountReceived, AccountPaid, ShopSold:
		problem, err = v.evaluateRecord(ctx, r, before.sinceID, happened)
	default:
		problem, err = v.evaluateState(ctx, r)
	}
	if err != nil {
		return err
	}
	_, err = v.tx.Exec(ctx, `UPDATE alert_rules SET problem = $3 WHERE owner = $1 AND name = $2 AND problem <> $3`, operators, r.Name, problem)
	return err
}

func sameRule(a, b Rule) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// evaluateState evaluates a rule about what is. It returns why something could not be
// told.
func (v *evaluation) evaluateState(ctx context.Context, r Rule) (problem string, err error) {
	seen, err := v.values.observe(r, func(subject string) string { return v.states[r.Name][subject].State }, v.settings)
	if err != nil {
		return "", err
	}
	for _, o := range seen {
		if o.why != "" {
			problem = o.why
			continue
		}
		was := v.states[r.Name][o.subject]
		is, from, due := r.step(was, o, v.now)
		if is.State == "" {
			continue
		}
		const write = `
			INSERT INTO alert_states (owner, rule, subject, state, since, candidate, candidate_since, as_of) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (owner, rule, subject) DO UPDATE SET state = excluded.state, since = excluded.since, candidate = excluded.candidate,
				candidate_since = excluded.candidate_since, as_of = excluded.as_of`
		if _, err := v.tx.Exec(ctx, write, operators, r.Name, o.subject, is.State, is.Since, is.Candidate, is.CandidateSince, is.AsOf); err != nil {
			return "", err
		}
		if due {
			if err := v.tell(ctx, r, o.subject, o.tell(from), o.names, nil); err != nil {
				return "", err
			}
		}
	}
	return problem, nil
}

// tell writes an alert, and a message to each receiver of the rule.
func (v *evaluation) tell(ctx context.Context, r Rule, subject string, told views.Told, names []string, covers []int64) error {
	a := alert{id: rand.Text(), rule: r.Name, kind: r.Kind}
	if names == nil {
		names = []string{}
	}
	if covers == nil {
		covers = []int64{}
	}
	const write = `
		INSERT INTO alerts (id, owner, rule, kind, subject, at, title, text, path, public, shows, accounts, covers)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	if _, err := v.tx.Exec(ctx, write, a.id, operators, r.Name, r.Kind, subject, v.now, told.Title, told.Text, string(told.Address), r.Public,
		int16(meanings[r.Kind].shows), names, covers); err != nil {
		return fmt.Errorf("write an alert: %w", err)
	}
	if _, err := v.tx.Exec(ctx, `UPDATE alert_rules SET fired = $3 WHERE owner = $1 AND name = $2`, operators, r.Name, v.now); err != nil {
		return fmt.Errorf("write an alert: %w", err)
	}
	for _, to := range r.To {
		status, outcome := "pending", ""
		if v.off[to] {
			status, outcome = "dropped", "the receiver is off, or too much waits for it"
		}
		const queue = `INSERT INTO alert_deliveries (alert, owner, receiver, status, created, outcome) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
		if _, err := v.tx.Exec(ctx, queue, a.id, operators, to, status, v.now, outcome); err != nil {
			return fmt.Errorf("queue an alert: %w", err)
		}
	}
	v.fired = append(v.fired, a)
	return nil
}

// sweep deletes what is old, once an hour.
func (v *evaluation) sweep(ctx context.Context) error {
	if v.now.Sub(v.marks.swept) < time.Hour {
		return nil
	}
	for _, old := range []string{
		`DELETE FROM alert_deliveries WHERE created < $1`, `DELETE FROM alerts WHERE at < $1`,
		`DELETE FROM alert_states s WHERE EXISTS (SELECT FROM alert_rules r WHERE r.owner = s.owner AND r.name = s.rule AND r.evaluated < $1)`,
		`DELETE FROM alert_rules WHERE evaluated < $1`,
	} {
		if _, err := v.tx.Exec(ctx, old, v.now.Add(-keepFor)); err != nil {
			return fmt.Errorf("delete old alerts: %w", err)
		}
	}
	var names []string
	for _, r := range v.Config.Receivers {
		names = append(names, r.Name)
	}
	const gone = `
		DELETE FROM alert_receivers r WHERE owner = $1 AND NOT name = ANY($2)
			AND NOT EXISTS (SELECT FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name)`
	if _, err := v.tx.Exec(ctx, gone, operators, names); err != nil {
		return fmt.Errorf("delete old receivers: %w", err)
	}
	_, err := v.tx.Exec(ctx, `UPDATE alert_evaluation SET swept = $1 WHERE id = 1`, v.now)
	return err
}
