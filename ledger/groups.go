package ledger

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Groups of holders, such as those who joined in a month, have tallies of their own, in
// holder_groups. The fold keeps them like the others.

// activeDays is of how many days the active holders are kept: 90, and some more for readers
// of a window before the latest postings.
const activeDays = 100

// forgetActive is a statement that deletes the active holders of days before $1.
const forgetActive = `DELETE FROM holder_groups WHERE tally IN ('active single', 'active personal', 'active private', 'active all') AND period < $1`

// grouped is a query for the places in groups of the rows of a table like holder_balances,
// as tallied is for all. Most holders have personal accounts alone, who are so one group
// instead of three.
func grouped(table, sign string) string {
	var query strings.Builder
	for _, p := range []struct{ population, sum, latest, moved, counts string }{
		{"single", "everyone", "latest", "all_moved", "personal_accounts = all_accounts AND all_accounts > 0"},
		{"personal", "personal", "personal_latest", "personal_moved", "personal_accounts > 0 AND personal_accounts < all_accounts"},
		{"private", "private", "private_latest", "private_moved", "private_accounts > 0 AND personal_accounts < all_accounts"},
		{"all", "everyone", "latest", "all_moved", "personal_accounts < all_accounts"},
	} {
		query.WriteString(strings.NewReplacer("POPULATION", p.population, "SUM", p.sum, "LATEST", p.latest, "MOVED", p.moved, "COUNTS", p.counts, "TABLE", table, "SIGN ", sign).Replace(`
			SELECT 'moved POPULATION' AS tally, 0 AS period, balance_bin(SUM) AS place, SIGN 1 AS holders, SIGN SUM AS total FROM TABLE
			WHERE COUNTS AND MOVED UNION ALL
			SELECT 'active POPULATION', LATEST - date '1970-01-01', balance_bin(SUM), SIGN 1, SIGN SUM FROM TABLE
			WHERE COUNTS AND LATEST - date '1970-01-01' >= @active_from UNION ALL`))
	}
	const month = `extract(year FROM joined)::integer * 12 + extract(month FROM joined)::integer - 1`
	return query.String() + fmt.Sprintf(`
		SELECT 'joined', %[1]s, balance_bin(everyone), %[2]s1, %[2]severyone FROM %[3]s WHERE all_accounts > 0 UNION ALL
		SELECT 'left', %[1]s, 0, %[2]s1, 0 FROM %[3]s WHERE all_accounts = 0`, month, sign, table)
}

// movedGroups is a query for what the groups change by, of before and made.
var movedGroups = grouped("before", "-") + ` UNION ALL ` + grouped("made", "")

// scanDebts is a query for the groups of accounts in debt, and movedDebts one for what they
// change by, of entries.
const (
	scanDebts = `
		SELECT 'indebted ' || kind AS tally, 0 AS period, 0 AS place, count(*) AS holders, 0 AS total
		FROM balances JOIN accounts ON id = account WHERE balance < 0 AND NOT issuer AND archived IS NULL GROUP BY kind`
	movedDebts = `
		SELECT 'indebted ' || kind AS tally, 0 AS period, 0 AS place, debtors AS holders, 0 AS total
		FROM entries WHERE debtors <> 0 AND NOT issuer AND NOT archived`
)

// Indebted returns how many accounts of some kinds have a balance below zero, as they are now,
// without issuers and archived ones. Accounts that were archived after end count as those that
// are not.
func (f Fold) Indebted(ctx context.Context, tx pgx.Tx, end time.Time, kinds []Kind) (number int64, err error) {
	if f.activeFrom == nil {
		return 0, ErrNotGrouped
	}
	const query = `
		WITH ` + movedTotals + `,
		later AS (SELECT 'indebted ' || kind AS tally FROM accounts JOIN balances ON account = id WHERE archived > @end AND NOT issuer AND balance < 0)
		SELECT coalesce(sum(holders), 0)::bigint
		FROM (
			SELECT tally, holders FROM holder_groups
			UNION ALL SELECT tally, holders FROM (` + movedDebts + `) AS moved
			UNION ALL SELECT tally, 1 FROM later) AS parts
		WHERE tally IN (SELECT 'indebted ' || kind FROM unnest(@kinds::text[]) AS kind)`
	args := f.args(time.UTC, end)
	args["kinds"] = kinds
	if err := tx.QueryRow(ctx, query, args).Scan(&number); err != nil {
		return 0, fmt.Errorf("accounts in debt: %w", err)
	}
	return number, nil
}

// ErrNotGrouped is of a group that is not added up: a fold that a process of the version
// before made, or active holders of days that are not kept.
var ErrNotGrouped = errors.New("these holders are not added up")

// Moved returns the bins of the holders of a population with more than one posting by the
// accounts in it that are not archived, as they are now. Accounts that were archived after end
// count as those that are not. Its cost is that of [Fold.Tallies].
func (f Fold) Moved(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, population string) ([]Tally, error) {
	if f.activeFrom == nil {
		return nil, ErrNotGrouped
	}
	return f.binsOf(ctx, tx, end, zone, "moved", population, 0)
}

// Active returns likewise the bins of those with a posting on the day or later.
func (f Fold) Active(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, population string, day int) ([]Tally, error) {
	if f.activeFrom == nil || day < *f.activeFrom {
		return nil, ErrNotGrouped
	}
	return f.binsOf(ctx, tx, end, zone, "active", population, day)
}

// binsOf returns the bins of a group from a period on.
func (f Fold) binsOf(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, group, population string, from int) (bins []Tally, err error) {
	err = f.groups(ctx, tx, end, zone, []string{group + " single", group + " " + population}, from, math.MaxInt32, func(_ int, t Tally) {
		if last := len(bins) - 1; last >= 0 && bins[last].Place == t.Place {
			bins[last].Holders, bins[last].Total = bins[last].Holders+t.Holders, bins[last].Total.Plus(t.Total)
		} else {
			bins = append(bins, Tally{population, t.Place, t.Holders, t.Total})
		}
	})
	return bins, err
}

// Joined is the holders who had their first posting in a span of months, by any account that
// is no issuer.
type Joined struct {
	Number int     // of the span: the number of its months, counted from the year 0, divided by how many it has
	Here   []Tally // the bins of those with an account that is not archived, by what they have
	Left   int64   // the others
}

// Joined returns all holders by spans of so many months, in their order, with what they have
// as [Fold.Moved] has it.
func (f Fold) Joined(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, months int) (all []Joined, err error) {
	if f.activeFrom == nil {
		return nil, ErrNotGrouped
	}
	err = f.groups(ctx, tx, end, zone, []string{"joined", "left"}, 0, months, func(number int, t Tally) {
		if len(all) == 0 || all[len(all)-1].Number != number {
			all = append(all, Joined{Number: number})
		}
		if of := &all[len(all)-1]; t.Tally == "left" {
			of.Left = t.Holders
		} else {
			of.Here = append(of.Here, t)
		}
	})
	return all, err
}

// groups calls do with the tallies of some groups as they are now, by periods divided by unit,
// without those before from, in the order of periods and places.
func (f Fold) groups(ctx context.Context, tx pgx.Tx, end time.Time, zone *time.Location, names []string, from, unit int, do func(period int, t Tally)) error {
	query := `
		WITH ` + movedHolders(changedAccounts+` UNION `+archivedLater, notArchivedBy) + `
		SELECT tally, period / @unit AS period, place, sum(holders)::bigint, sum(total)
		FROM (SELECT * FROM holder_groups UNION ALL ` + movedGroups + `) AS parts
		WHERE tally = ANY(@names) AND period >= @from
		GROUP BY 1, 2, 3 HAVING sum(holders) <> 0 OR sum(total) <> 0 ORDER BY 2, 3, 1`
	args := f.args(zone, end)
	args["names"], args["from"], args["unit"] = names, from, unit
	rows, _ := tx.Query(ctx, query, args)
	var period int
	var t Tally
	_, err := pgx.ForEachRow(rows, []any{&t.Tally, &period, &t.Place, &t.Holders, &t.Total}, func() error {
		do(period, t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read groups of holders: %w", err)
	}
	return nil
}
