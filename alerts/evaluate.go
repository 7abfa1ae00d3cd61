package alerts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	Config   *Config // nil: the operators have no rules
	Settings func() ledger.Settings
	Known    aggregates.Known
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  *Metrics
	// Viewers says that people who have signed in have rules too; Shows is what
	// everybody sees.
	Viewers bool
	Shows   views.Level
}

// An Evaluator evaluates rules once a window. Of the processes that have one, one does
// it each time.
type Evaluator struct {
	EvaluatorDeps
	done time.Time // the last window that is known to be evaluated
}

// NewEvaluator returns an evaluator.
func NewEvaluator(d EvaluatorDeps) *Evaluator {
	if d.Config == nil {
		d.Config = &Config{}
	}
	return &Evaluator{EvaluatorDeps: d}
}

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
	// Which memos are read depends on the rules, and reading them takes no part in the
	// transaction.
	own, err := e.ownRules(ctx, e.DB)
	if err != nil {
		return err
	}
	read := e.Memos.read(ctx, slices.Concat(e.Config.Rules, own.rules))
	var fired []alert
	var done bool
	err = pgx.BeginTxFunc(ctx, e.DB, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) (err error) {
		done, fired, err = (&evaluation{Evaluator: e, tx: tx, at: at, now: e.Now().UTC(), values: read, own: own, told: map[string]int{}, steps: map[stateKey]state{}}).run(ctx)
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
	own      ownRules // of people
	owned    map[ownedThing]bool
	before   map[key]known
	states   map[key]map[string]state // by subject
	off      map[key]bool             // receivers
	covered  map[key]map[int64]bool   // ids that the latest alerts are about
	told     map[string]int           // alerts of people in the last day

	// What is written at the end, each by one statement.
	begun  []key // rules whose states are forgotten
	rows   []ruleRow
	steps  map[stateKey]state
	alerts pgx.Batch
	fired  []alert
}

// A key is that of a rule or a receiver: a name is one of its owner.
type key struct{ owner, name string }

func (r Rule) key() key { return key{r.Owner, r.Name} }

type stateKey struct {
	key
	subject string
}

// known is what the database has of a rule.
type known struct {
	definition Rule
	sinceID    int64 // transactions, or sales, up to it are no news
	unsent     int
}

// A ruleRow is what is written of a rule.
type ruleRow struct {
	key
	definition string
	sinceID    int64
	problem    string
	fired      *time.Time // nil: as before
	unsent     int
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
		set_config('tcp_keepalives_count', '3', true), set_config('tcp_user_timeout', '5000', true), pg_try_advisory_xact_lock($1 # ` + ledger.LockSalt + `)`
	var leads bool
	if err := v.tx.QueryRow(ctx, lead, lockID).Scan(nil, nil, nil, nil, &leads); err != nil || !leads {
		return false, nil, err
	}
	if v.marks, err = readMarks(ctx, v.tx, v.now); err != nil || !v.marks.evaluated.Before(v.at) {
		return err == nil, nil, err
	}
	v.settings = v.Settings()
	rules, err := v.load(ctx)
	if err != nil {
		return false, nil, err
	}
	happened, err := v.readRecord(ctx, rules)
	if err != nil {
		return false, nil, err
	}
	if v.covered, err = v.readCovered(ctx, rules, happened); err != nil {
		return false, nil, err
	}
	for _, r := range rules {
		if err := v.evaluate(ctx, r, happened); err != nil {
			return false, nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	if err := v.write(ctx); err != nil {
		return false, nil, err
	}
	if err := v.marks.write(ctx, v.tx, v.at, v.now); err != nil {
		return false, nil, err
	}
	return true, v.fired, v.sweep(ctx)
}

// load brings what the database has of receivers up to date, reads what it has of rules,
// and returns those that there are.
func (v *evaluation) load(ctx context.Context) ([]Rule, error) {
	for _, r := range v.Config.Receivers {
		if err := r.register(ctx, v.tx, v.now); err != nil {
			return nil, err
		}
	}
	if err := v.readOff(ctx); err != nil {
		return nil, fmt.Errorf("receivers: %w", err)
	}
	if err := v.readRules(ctx); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	if err := v.readStates(ctx); err != nil {
		return nil, fmt.Errorf("states of rules: %w", err)
	}
	if err := v.loadOwn(ctx); err != nil {
		return nil, err
	}
	return slices.Concat(v.Config.Rules, v.own.rules), nil
}

// readOff reads which receivers get nothing: those that are off or have too much waiting.
func (v *evaluation) readOff(ctx context.Context) error {
	v.off = map[key]bool{}
	rows, _ := v.tx.Query(ctx, `
		SELECT owner, name, off IS NOT NULL OR coalesce(waiting, 0) >= $1
		FROM alert_receivers LEFT JOIN (
			SELECT owner, receiver AS name, count(*) AS waiting FROM alert_deliveries WHERE status = 'pending' GROUP BY owner, receiver) AS w USING (owner, name)`, mostPending)
	var k key
	var is bool
	_, err := pgx.ForEachRow(rows, []any{&k.owner, &k.name, &is}, func() error { v.off[k] = is; return nil })
	return err
}

// readRules reads what rules were like at the last evaluation.
func (v *evaluation) readRules(ctx context.Context) error {
	v.before = map[key]known{}
	rows, _ := v.tx.Query(ctx, `SELECT owner, name, definition, since_id, unsent FROM alert_rules`)
	var k key
	var definition []byte
	var was known
	_, err := pgx.ForEachRow(rows, []any{&k.owner, &k.name, &definition, &was.sinceID, &was.unsent}, func() error {
		was.definition = Rule{}
		if json.Unmarshal(definition, &was.definition) == nil { // else it begins anew
			v.before[k] = was
		}
		return nil
	})
	return err
}

// readStates reads what was seen of each thing that a rule watches.
func (v *evaluation) readStates(ctx context.Context) error {
	v.states = map[key]map[string]state{}
	rows, _ := v.tx.Query(ctx, `SELECT owner, rule, subject, state, since, candidate, candidate_since, as_of FROM alert_states`)
	var k key
	var subject string
	var s state
	_, err := pgx.ForEachRow(rows, []any{&k.owner, &k.name, &subject, &s.State, &s.Since, &s.Candidate, &s.CandidateSince, &s.AsOf}, func() error {
		if v.states[k] == nil {
			v.states[k] = map[string]state{}
		}
		v.states[k][subject] = s
		s.CandidateSince = nil // a pointer: the next row has its own
		return nil
	})
	return err
}

// register writes that there is a receiver. One whose address has changed is on again.
func (r Receiver) register(ctx context.Context, tx pgx.Tx, now time.Time) error {
	const write = `
		INSERT INTO alert_receivers (owner, name, kind, target, retry_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (owner, name) DO UPDATE SET kind = excluded.kind, target = excluded.target, retry_at = excluded.retry_at,
			failures = 0, failing_since = NULL, off = NULL, problem = ''
		WHERE alert_receivers.target <> excluded.target`
	if _, err := tx.Exec(ctx, write, r.Owner, r.Name, r.Form, r.target(), now); err != nil {
		return fmt.Errorf("receivers: %w", err)
	}
	return nil
}

// evaluate evaluates one rule.
func (v *evaluation) evaluate(ctx context.Context, r Rule, happened record) error {
	before, was := v.before[r.key()]
	barred := v.barred(r)
	if !was || barred != "" || !sameRule(before.definition.watches(), r.watches()) {
		before.sinceID = v.marks.transactions
		if r.Kind == ShopSold {
			before.sinceID = v.marks.sales
		}
		if v.states[r.key()] != nil {
			v.states[r.key()] = nil
			v.begun = append(v.begun, r.key())
		}
	}
	definition, err := json.Marshal(r)
	if err != nil {
		return err
	}
	row := ruleRow{key: r.key(), definition: string(definition), sinceID: before.sinceID, problem: barred, unsent: before.unsent}
	if barred == "" {
		switch r.Kind {
		case AccountReceived, AccountPaid, ShopSold:
			row.problem, err = v.evaluateRecord(ctx, r, &row, happened)
		default:
			row.problem, err = v.evaluateState(ctx, r, &row)
		}
	}
	v.rows = append(v.rows, row)
	return err
}

func sameRule(a, b Rule) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// evaluateState evaluates a rule about what is. It returns why something could not be
// told.
func (v *evaluation) evaluateState(ctx context.Context, r Rule, row *ruleRow) (problem string, err error) {
	states := v.states[r.key()]
	seen, err := v.values.observe(r, func(subject string) string { return states[subject].State }, v.settings)
	if err != nil {
		return "", err
	}
	for _, o := range seen {
		if o.why != "" {
			problem = o.why
			continue
		}
		is, from, due := r.step(states[o.subject], o, v.now)
		if is.State == "" {
			continue
		}
		v.steps[stateKey{r.key(), o.subject}] = is
		if due {
			if err := v.tell(ctx, r, row, o.subject, o.tell(from), o.names, nil); err != nil {
				return "", err
			}
		}
	}
	return problem, nil
}

// tell writes an alert, and a message to each receiver of the rule.
func (v *evaluation) tell(ctx context.Context, r Rule, row *ruleRow, subject string, told views.Told, names []string, covers []int64) error {
	if r.Owner != operators {
		told, err := v.toldTo(ctx, r.Owner)
		if err != nil {
			return err
		}
		if told >= MostADay {
			row.unsent++
			row.sinceID = max(row.sinceID, slices.Max(append(covers, 0)))
			return nil
		}
		v.told[r.Owner]++
	}
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
	v.alerts.Queue(write, a.id, r.Owner, r.Name, r.Kind, subject, v.now, told.Title, told.Text, string(told.Address), r.Public,
		int16(meanings[r.Kind].shows), names, covers)
	row.fired, row.unsent = &v.now, 0
	for _, to := range r.To {
		status, outcome := "pending", ""
		if v.off[key{r.Owner, to}] {
			status, outcome = "dropped", "the receiver is off, or too much waits for it"
		}
		const queue = `INSERT INTO alert_deliveries (alert, owner, receiver, status, created, outcome) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
		v.alerts.Queue(queue, a.id, r.Owner, to, status, v.now, outcome)
	}
	v.fired = append(v.fired, a)
	return nil
}
