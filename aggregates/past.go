package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// A Date is a day of the community, such as "2026-08-31"; empty: now.
type Date string

// ParseDate returns the day that a text names, and none of any other text.
func ParseDate(text string) Date {
	if day, err := time.Parse(time.DateOnly, text); err == nil && day.Year() > 0 {
		return Date(text)
	}
	return ""
}

// dateAt returns the day of a time, in the time's zone.
func dateAt(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// number returns the number of the day, and false if it is now.
func (d Date) number() (int, bool) {
	day, err := time.Parse(time.DateOnly, string(d))
	return ledger.DayNumber(day), err == nil
}

// AsOf selects a value as it was at the end of a day.
type AsOf[P cache.Params] struct {
	Of P
	At Date
}

// Key is "personal@2026-08-31".
func (q AsOf[P]) Key() string { return q.Of.Key() + "@" + string(q.At) }

// Past is the memos of what was at the end of a day that is over, each beside that of
// now. Days is to be consulted before: each of its days is a key.
type Past struct {
	Days         *cache.Memo[NoParams, *DaysKnown]
	Holdings     *cache.Memo[AsOf[Population], *Holdings]
	Inequality   *cache.Memo[AsOf[InequalityQuery], *Inequality]
	Ladder       *cache.Memo[AsOf[Population], *Ladder]
	WealthByKind *cache.Memo[AsOf[NoParams], *WealthByKind]
	Richest      *cache.Memo[AsOf[NoParams], *Richest]
	Flow         *cache.Memo[AsOf[Days], *Flow]
	Account      *cache.Memo[AsOf[AccountQuery], *Account] // nil: no such account
	Sides        *cache.Memo[AsOf[AccountQuery], *AccountSides]
}

// newPast registers the memos of days that are over, which are read by reads.
func newPast(c *cache.Cache, reads Reads, exact ExactUpTo) *Past {
	holders := &holderShare{}
	return &Past{
		Days:         cache.NewMemo(c, cache.Spec{Name: "past.days", Window: time.Minute, Tags: []string{"economy"}}, on(reads, ComputeDaysKnown)).Prewarm(NoParams{}),
		Holdings:     cache.NewMemo(c, ofPastDay("past.accounts"), tallying(exact, holders, on(reads, ComputePastHoldings))),
		Inequality:   cache.NewMemo(c, ofPastDay("past.inequality"), tallying(exact, holders, on(reads, ComputePastInequality))),
		Ladder:       cache.NewMemo(c, ofPastDay("past.ladder"), tallying(exact, holders, on(reads, ComputePastLadder))),
		WealthByKind: cache.NewMemo(c, ofPastDay("past.wealth"), tallying(exact, holders, on(reads, ComputePastWealthByKind))),
		Richest:      cache.NewMemo(c, ofPastDay("past.richest"), tallying(exact, holders, on(reads, ComputePastRichest))),
		Flow:         cache.NewMemo(c, ofPastDay("past.flow"), tallying(exact, holders, on(reads, ComputePastFlow))),
		Account:      cache.NewMemo(c, ofPastDay("past.account"), on(reads, ComputePastAccount)),
		Sides:        cache.NewMemo(c, ofPastDay("past.account.sides"), on(reads, ComputePastAccountSides)),
	}
}

// ofPastDay is the policy of a memo with a key a day. There are thousands of days, and
// who goes through all of them is to fill no memory: a value is forgotten after some
// minutes. It is the same until something is written of an earlier day.
func ofPastDay(name string) cache.Spec {
	return cache.Spec{Name: name, Window: 5 * time.Minute, Hard: 10 * time.Minute, Tags: []string{"economy"}, ManyKeys: true}
}

// DaysKnown is the days of the ledger.
type DaysKnown struct{ Basis }

// ComputeDaysKnown reads which days the ledger has.
func ComputeDaysKnown(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*DaysKnown, error) {
	v := &DaysKnown{}
	if err := v.read(ctx, db, w, 0, func(context.Context, pgx.Tx, span) error { return nil }); err != nil {
		return nil, fmt.Errorf("days of the ledger: %w", err)
	}
	return v, nil
}

// Over returns the first and the last day that is over before the last day of the
// ledger, which is now; none if there is no such day.
func (v *DaysKnown) Over() (first, last Date) {
	zone, err := ledger.LoadZone(v.Timezone)
	if err != nil || v.Why != "" {
		return "", ""
	}
	from, to := ledger.DayNumberOf(v.Start, zone), ledger.DayNumberOf(v.End.Add(-time.Nanosecond), zone)-1
	if to < from {
		return "", ""
	}
	return dateAt(ledger.DayStart(from, zone)), dateAt(ledger.DayStart(to, zone))
}

// Nearest returns the day nearest to one that is over, and none for now.
func (v *DaysKnown) Nearest(at Date) Date {
	first, last := v.Over()
	if _, given := at.number(); !given || last == "" || at > last {
		return ""
	}
	return max(at, first)
}
