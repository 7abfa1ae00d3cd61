package ledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// An Observation is the balance of an account at a time, as somebody saw it who does
// not know what changed it. Where it differs from the ledger's, the difference becomes
// a transaction with [UnobservedAccount], at that time and by [ObservedSource]. So what
// is appended later, of a time before it, counts twice until the next observation of
// the account, which takes it back.
//
// Account and time identify it: one that is known changes nothing. One that is before
// the latest one of its account must agree with the ledger, since what it changed would
// make the later one wrong.
type Observation struct {
	Origin  string // of the transaction
	Account string // account ref
	At      time.Time
	Balance int64 // minor units
	Line    string
}

const (
	// UnobservedAccount is the ref of the issuer that pays and receives what
	// observations differ by. An append that observes something makes it.
	UnobservedAccount = "sys:unobserved"
	// ObservedSource is the source of the transactions of observations.
	ObservedSource = "observed-change"
)

// ref returns the ref of the transaction of an observation of the account of an id. Refs
// are shown to all, so that it does not name the account, whose holder may be hidden.
func (o *Observation) ref(account int64) string {
	return fmt.Sprintf("%s %d", micro(o.At).Format(time.RFC3339Nano), account)
}

func (c checker) observations(observations []Observation) {
	seen := make(map[string]bool, len(observations))
	for i := range observations {
		o := &observations[i]
		report := reporter(c.problems, "balance", o.Line, o.Account)
		report("origin", required(o.Origin, maxRef))
		report("account", required(o.Account, maxRef))
		report("time", c.time(o.At))
		report("account", repeated(seen, o.Account))
		if o.Account == UnobservedAccount {
			report("account", quote(o.Account)+" pays what others are observed to have, and is not observed itself")
		}
	}
}

// withUnobserved returns the accounts of the batch with the one that its observations
// need.
func (b *Batch) withUnobserved() []Account {
	is := func(a Account) bool { return a.Ref == UnobservedAccount }
	if len(b.Observations) == 0 || slices.ContainsFunc(b.Accounts, is) {
		return b.Accounts
	}
	return append(slices.Clip(b.Accounts), Account{Ref: UnobservedAccount, Kind: System})
}

// observeLock is the advisory lock of those who observe balances.
const observeLock = 0x6f627365 // "obse"

// observe adds the transactions that the observations of the batch make to it.
func (ap *appender) observe(ctx context.Context) error {
	if len(ap.batch.Observations) == 0 {
		return nil
	}
	if _, err := ap.tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1 # `+LockSalt+`)`, observeLock); err != nil {
		return fmt.Errorf("wait for other observations: %w", err)
	}
	fresh, changes, err := ap.compare(ctx)
	if err != nil {
		return err
	}
	if err := ap.problems.err(); err != nil {
		return err
	}
	ap.batch.Transactions = append(slices.Clip(ap.batch.Transactions), changes...)
	ap.written.Observed, ap.written.SkippedObserved = len(fresh), len(ap.batch.Observations)-len(fresh)
	accounts, balances, times := make([]int64, len(fresh)), make([]int64, len(fresh)), make([]time.Time, len(fresh))
	for i, o := range fresh {
		accounts[i], balances[i], times[i] = ap.accounts[o.Account].id, o.Balance, micro(o.At)
	}
	const query = `
		INSERT INTO observed_balances AS known (account, at, balance)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[])
		ON CONFLICT (account) DO UPDATE SET at = excluded.at, balance = excluded.balance`
	if _, err := ap.tx.Exec(ctx, query, accounts, times, balances); err != nil {
		return fmt.Errorf("keep observations: %w", err)
	}
	return nil
}

// compare returns the observations that are not known, and the transactions that the
// ledger lacks by them. It adds a problem for each that cannot be.
func (ap *appender) compare(ctx context.Context) (fresh []*Observation, changes []Transaction, err error) {
	held, err := ap.held(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read balances: %w", err)
	}
	for i := range held {
		h, o := &held[i], &ap.batch.Observations[i]
		report := reporter(&ap.problems, "balance", o.Line, o.Account)
		difference, fits := SumOf(o.Balance).Minus(h.balance).Int64()
		same, later := h.last != nil && h.last.Equal(micro(o.At)), h.last != nil && h.last.After(micro(o.At))
		switch {
		case same && *h.observed == o.Balance, !same && h.known, later && fits && difference == 0:
			continue
		case archivedBefore(o.At, ap.closed, ap.zone) != "":
			report("time", archivedBefore(o.At, ap.closed, ap.zone))
		case same:
			report("balance", fmt.Sprintf("%d was observed at this time, and not %d", *h.observed, o.Balance))
		case later:
			report("time", fmt.Sprintf("%s is before the latest observation of the account, at %s, which it would make wrong",
				o.At.UTC().Format(time.RFC3339Nano), h.last.UTC().Format(time.RFC3339Nano)))
		case !fits || difference == math.MinInt64:
			report("balance", "differs from the ledger's by more than an int64 holds")
		case difference != 0:
			changes = append(changes, Transaction{
				Origin: o.Origin, Ref: o.ref(ap.accounts[o.Account].id), At: o.At, Source: ObservedSource, Line: o.Line,
				Postings: []Posting{{o.Account, difference}, {UnobservedAccount, -difference}},
			})
		}
		fresh = append(fresh, o)
	}
	return fresh, changes, nil
}

// A holding is what the ledger knows of an account at the time of an observation.
type holding struct {
	balance  Sum
	last     *time.Time // of the latest observation, nil if there is none
	observed *int64     // then
	known    bool       // the transaction of the observation is written
}

// held returns what the ledger knows at each observation of the batch. Of the past it
// reads the days since, and the postings of the day itself.
func (ap *appender) held(ctx context.Context) ([]holding, error) {
	n := len(ap.batch.Observations)
	accounts, times, days, nights := make([]int64, n), make([]time.Time, n), make([]int, n), make([]time.Time, n)
	refs, origins := make([]string, n), make([]string, n)
	for i := range ap.batch.Observations {
		o := &ap.batch.Observations[i]
		accounts[i], times[i], refs[i], origins[i] = ap.accounts[o.Account].id, micro(o.At), o.ref(ap.accounts[o.Account].id), o.Origin
		days[i] = DayNumberOf(o.At, ap.zone)
		nights[i] = DayStart(days[i]+1, ap.zone)
	}
	const query = `
		SELECT coalesce(b.balance, 0)
				- coalesce((SELECT sum(received - sent) FROM account_days d WHERE d.account = o.account AND d.day > date '1970-01-01' + o.day), 0)
				- coalesce((SELECT sum(amount) FROM postings p WHERE p.account = o.account AND p.at > o.at AND p.at < o.night), 0),
			known.at, known.balance, EXISTS (SELECT FROM refs r WHERE r.ref = o.ref AND r.origin = o.origin AND r.what = 't')
		FROM unnest($1::bigint[], $2::timestamptz[], $3::int[], $4::timestamptz[], $5::text[], $6::text[])
			WITH ORDINALITY AS o (account, at, day, night, ref, origin, nr)
		LEFT JOIN balances b ON b.account = o.account
		LEFT JOIN observed_balances known ON known.account = o.account
		ORDER BY o.nr`
	rows, _ := ap.tx.Query(ctx, query, accounts, times, days, nights, refs, origins)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h holding, err error) {
		err = row.Scan(&h.balance, &h.last, &h.observed, &h.known)
		return h, err
	})
}
