package aggregates

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// A presence is when holders had postings, up to some day, by accounts that are not
// issuers. Accounts that were archived since count: they were active then. Days are
// numbered as by [ledger.DayNumber], holders as in the balance sheet.
type presence struct {
	first []int // the day of each holder's first posting, also if that is later
	last  []int // the day of the latest one so far

	joined []int // the months of first; nil until somebody wants them
}

// never is the day of a posting that there is not.
const never = math.MinInt32

// presenceBefore returns the presence at the beginning of a day. Only of accounts
// with postings before and since it reads more than the balances.
func presenceBefore(ctx context.Context, tx pgx.Tx, all *balanceSheet, day int, zone *time.Location) (*presence, error) {
	p := &presence{slices.Repeat([]int{never}, all.holders), slices.Repeat([]int{never}, all.holders), nil}
	on := func(at int64) int { return ledger.DayNumberOf(time.UnixMicro(at), zone) }
	start := ledger.DayStart(day, zone).UnixMicro()
	var accounts []int64
	var holders []int
	for i := range all.accounts {
		a := &all.accounts[i]
		if a.issuer {
			continue
		}
		if first := on(a.first); p.first[a.holder] == never || first < p.first[a.holder] {
			p.first[a.holder] = first
		}
		switch {
		case a.first >= start:
		case a.last < start:
			p.post(a.holder, on(a.last))
		default:
			accounts, holders = append(accounts, a.account), append(holders, a.holder)
		}
	}
	if len(accounts) == 0 {
		return p, nil
	}
	const query = `
		SELECT nr, last FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (account, nr) CROSS JOIN LATERAL (
			SELECT max(day) AS last FROM account_days d WHERE d.account = asked.account AND day < $2::date) AS before
		WHERE last IS NOT NULL`
	rows, _ := tx.Query(ctx, query, accounts, dateOfDay(day))
	var nr int
	var last time.Time
	_, err := pgx.ForEachRow(rows, []any{&nr, &last}, func() error {
		p.post(holders[nr-1], ledger.DayNumber(last))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("last postings before %s: %w", dateOfDay(day).Format(time.DateOnly), err)
	}
	return p, nil
}

// dateOfDay returns the date of a day.
func dateOfDay(day int) time.Time { return time.Date(1970, 1, 1+day, 0, 0, 0, 0, time.UTC) }

// post counts a posting of a holder.
func (p *presence) post(holder, day int) { p.last[holder] = max(p.last[holder], day) }

// advance goes through the days from one to another, and calls f at the end of each
// one on which something was posted.
func (p *presence) advance(ctx context.Context, tx pgx.Tx, all *balanceSheet, from, to int, f func(day int)) error {
	holders := all.holderOf()
	// One list of accounts a day takes the database a third of the time that
	// joining and counting there would take.
	const query = `
		SELECT day, array_agg(account) FROM account_days WHERE day BETWEEN $1::date AND $2::date
		GROUP BY day ORDER BY day`
	rows, _ := tx.Query(ctx, query, dateOfDay(from), dateOfDay(to))
	var at time.Time
	var accounts []int64
	_, err := pgx.ForEachRow(rows, []any{&at, &accounts}, func() error {
		day := ledger.DayNumber(at)
		for _, account := range accounts {
			if holder, ok := holders[account]; ok {
				p.post(holder, day)
			}
		}
		f(day)
		return nil
	})
	if err != nil {
		return fmt.Errorf("days on which holders were active: %w", err)
	}
	return nil
}

// since returns how many holders had a posting on the day or later.
func (p *presence) since(day int) (n int64) {
	for _, last := range p.last {
		if last >= day {
			n++
		}
	}
	return n
}

// weekDays is how many days active has.
const weekDays = 7

// active returns how many holders had a posting on the day, which is the latest; on it
// or the day before; and so on.
func (p *presence) active(day int) []int32 {
	counts := make([]int32, weekDays)
	for _, last := range p.last {
		if age := day - last; age < weekDays {
			counts[age]++
		}
	}
	for i := 1; i < weekDays; i++ {
		counts[i] += counts[i-1]
	}
	return counts
}

// mostCohorts is how many cohorts there are at most.
const mostCohorts = 24

// cohortUnits are the lengths of a cohort.
var cohortUnits = [...]struct {
	name   string
	months int
}{{"month", 1}, {"quarter", 3}, {"year", 12}}

// cohorts returns how many holders had a posting in the month of the day, which is
// the latest: of those who joined in that month, in the one before, and so on; then
// the same of quarters and of years.
func (p *presence) cohorts(day int) []int32 {
	p.join()
	counts := make([]int32, len(cohortUnits)*mostCohorts)
	for u, unit := range cohortUnits {
		now := monthOf(dateOfDay(day)) / unit.months
		start := ledger.DayNumber(cohortStart(now, unit.months))
		counts := counts[u*mostCohorts:][:mostCohorts]
		for holder, last := range p.last {
			if last < start {
				continue
			}
			if age := now - p.joined[holder]/unit.months; age < mostCohorts {
				counts[age]++
			}
		}
	}
	return counts
}

// join fills joined.
func (p *presence) join() {
	if p.joined != nil {
		return
	}
	p.joined = make([]int, len(p.first))
	for holder, first := range p.first {
		p.joined[holder] = never
		if first != never {
			p.joined[holder] = monthOf(dateOfDay(first))
		}
	}
}

// monthOf numbers the months.
func monthOf(date time.Time) int { return date.Year()*12 + int(date.Month()) - 1 }

// cohortStart returns the first date of a cohort of so many months.
func cohortStart(number, months int) time.Time {
	return date(number*months/12, time.Month(number*months%12+1))
}

// firstUncounted returns the first day before today with postings whose snapshot is
// not made, and reports whether there is one.
func firstUncounted(ctx context.Context, tx pgx.Tx, today time.Time) (day int, ok bool, err error) {
	const query = `SELECT min(day) FROM account_days WHERE day > (` + lastMade + `) AND day < $1::date`
	var first *time.Time
	if err := tx.QueryRow(ctx, query, today).Scan(&first); err != nil {
		return 0, false, fmt.Errorf("first day without a snapshot: %w", err)
	}
	if first == nil {
		return 0, false, nil
	}
	return ledger.DayNumber(*first), true, nil
}
