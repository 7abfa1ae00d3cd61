package aggregates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"exchequer/ledger"
)

// A holding is the balance of one account that was ever used.
type holding struct {
	account  int64
	holder   int // its number
	kind     ledger.Kind
	issuer   bool
	balance  int64
	postings int64
	first    int64 // when it had its first posting, in microseconds, as the record has it
	last     int64 // its latest, likewise
	archived int64 // likewise; the largest number if it is not
}

// A balanceSheet is all balances. Holders are numbered from 0: nobody needs their names.
type balanceSheet struct {
	accounts []holding
	holders  int
}

// A balanceShare has the balances of a snapshot, of now or of a day: see [shared].
type balanceShare = shared[string, *balanceSheet]

// readBalances reads all balances, shared where the producer shares. The caller does
// not change what it returns.
func readBalances(ctx context.Context, tx pgx.Tx) (*balanceSheet, error) {
	return readShared(ctx, tx, "", func() (*balanceSheet, error) { return readBalancesAlone(ctx, tx, mostRead(ctx)) })
}

// balancesOf returns the balances at the end of a period, as readBalances does those
// of now.
func balancesOf(ctx context.Context, tx pgx.Tx, s span) (*balanceSheet, error) {
	if !s.Past {
		return readBalances(ctx, tx)
	}
	return readShared(ctx, tx, dateAt(s.Today), func() (*balanceSheet, error) { return readBalancesThen(ctx, tx, s) })
}

// readShared reads balances of now or of a day, shared where the producer shares.
func readShared(ctx context.Context, tx pgx.Tx, at Date, read func() (*balanceSheet, error)) (*balanceSheet, error) {
	balances := shareOf[string, *balanceSheet](ctx)
	if balances == nil {
		return read()
	}
	snapshot, err := snapshotOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	return balances.get(ctx, snapshot+"@"+string(at), read)
}

// errTooManyBalances is of what needs the balance of each account, in a ledger with so many
// that the process has no memory for them.
var errTooManyBalances = errors.New("the balance of each account is needed, and there are too many accounts for that")

// balanceBytes is about what a process needs to read a balance.
const balanceBytes = 270

// mostBalances is how many balances half of the process's memory holds.
func mostBalances() int { return int(debug.SetMemoryLimit(-1) / 2 / balanceBytes) }

// mostRead is how many balances a producer reads at most. The database takes about as long
// for so many as a producer has, unless the ledger's configuration says otherwise.
func mostRead(ctx context.Context) int {
	return min(mostBalances(), int(max(mostExact, exactOf(ctx))))
}

// mostExact is for how many that is.
const mostExact ExactUpTo = 3_000_000

// readBalancesAlone leaves it to the program to join, to number and to add up: for the
// database, to join takes as long again as to read, and so does to group by holders.
// More than most are errTooManyBalances.
func readBalancesAlone(ctx context.Context, tx pgx.Tx, most int) (*balanceSheet, error) {
	about, err := aboutBalances(ctx, tx)
	if err != nil || about > most {
		return nil, cmp.Or(err, errTooManyBalances)
	}
	about += about / 10 // so that it need not grow
	h := &balanceSheet{accounts: make([]holding, 0, about)}
	a := holding{holder: nobody}
	rows, _ := tx.Query(ctx, `SELECT account, balance, postings, first_at, last_at FROM balances`)
	_, err = pgx.ForEachRow(rows, []any{&a.account, &a.balance, &a.postings, (*instant)(&a.first), (*instant)(&a.last)}, func() error {
		if len(h.accounts) == most {
			return errTooManyBalances
		}
		h.accounts = append(h.accounts, a)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("balances: %w", err)
	}
	if err := h.readHolders(ctx, tx); err != nil {
		return nil, err
	}
	h.accounts = slices.DeleteFunc(h.accounts, func(a holding) bool { return a.holder == nobody })
	return h, nil
}

// aboutBalances returns about how many balances there are.
func aboutBalances(ctx context.Context, tx pgx.Tx) (about int, err error) {
	const size = `SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'balances'::regclass`
	if err := tx.QueryRow(ctx, size).Scan(&about); err != nil {
		return 0, fmt.Errorf("number of balances: %w", err)
	}
	return about, nil
}

// nobody is the holder of a balance without an account, which counts in nothing.
const nobody = -1

// readHolders sets what is known of the accounts beside their balances.
func (h *balanceSheet) readHolders(ctx context.Context, tx pgx.Tx) error {
	places := make(map[int64]int32, len(h.accounts))
	for i := range h.accounts {
		places[h.accounts[i].account] = int32(i)
	}
	numbers := make(map[string]int, len(h.accounts))
	kinds := map[string]ledger.Kind{}
	for _, k := range ledger.Kinds() {
		kinds[string(k)] = k
	}
	var a holding
	var holder, kind pgtype.DriverBytes // which are not copied
	rows, _ := tx.Query(ctx, `SELECT id, holder, kind, issuer, archived FROM account_holders`)
	_, err := pgx.ForEachRow(rows, []any{&a.account, &holder, &kind, &a.issuer, (*instant)(&a.archived)}, func() error {
		place, used := places[a.account]
		if !used {
			return nil
		}
		number, ok := numbers[string(holder)]
		if !ok {
			number = len(numbers)
			numbers[string(holder)] = number
		}
		of := &h.accounts[place]
		of.holder, of.kind, of.issuer, of.archived = number, kinds[string(kind)], a.issuer, a.archived
		return nil
	})
	if err != nil {
		return fmt.Errorf("holders of accounts: %w", err)
	}
	h.holders = len(numbers)
	return nil
}

// An instant is a time in microseconds, as the record has it; the largest number if
// there is none.
type instant int64

// ScanTimestamptz reads a column with a time.
func (i *instant) ScanTimestamptz(t pgtype.Timestamptz) error {
	*i = math.MaxInt64
	if t.Valid {
		*i = instant(t.Time.UnixMicro())
	}
	return nil
}

// ids returns the accounts.
func (h *balanceSheet) ids() []int64 {
	ids := make([]int64, len(h.accounts))
	for i := range h.accounts {
		ids[i] = h.accounts[i].account
	}
	return ids
}

// supply returns what all others hold, and what the issuers owe.
func (h *balanceSheet) supply() (held, issued ledger.Sum) {
	for i := range h.accounts {
		if a := &h.accounts[i]; a.issuer {
			issued = issued.Minus(ledger.SumOf(a.balance))
		} else {
			held = held.Add(a.balance)
		}
	}
	return held, issued
}

// A holderHolding is what the accounts of one holder have together.
type holderHolding struct {
	accounts int64
	balance  ledger.Sum
	postings int64
	last     int64 // of them, the latest
}

// byHolder returns the sums of each holder's accounts that are not issuers, not
// archived at end, and of one of the kinds, nil for all; by number. A holder may
// have none.
func (h *balanceSheet) byHolder(end time.Time, kinds map[ledger.Kind]bool) []holderHolding {
	all := make([]holderHolding, h.holders)
	for i := range h.accounts {
		a := &h.accounts[i]
		if a.issuer || a.archived <= end.UnixMicro() || kinds != nil && !kinds[a.kind] {
			continue
		}
		of := &all[a.holder]
		if of.accounts == 0 || of.last < a.last {
			of.last = a.last
		}
		of.accounts++
		of.balance = of.balance.Add(a.balance)
		of.postings += a.postings
	}
	return all
}

// newest returns when the latest posting was, end if there is none before it.
func (h *balanceSheet) newest(end time.Time) time.Time {
	newest := int64(math.MinInt64)
	for i := range h.accounts {
		newest = max(newest, h.accounts[i].last)
	}
	if len(h.accounts) == 0 || newest > end.UnixMicro() {
		return end
	}
	return time.UnixMicro(newest).UTC()
}

// holderOf returns the number of the holder of each account that is not an issuer.
func (h *balanceSheet) holderOf() map[int64]int {
	of := make(map[int64]int, len(h.accounts))
	for i := range h.accounts {
		if a := &h.accounts[i]; !a.issuer {
			of[a.account] = a.holder
		}
	}
	return of
}
