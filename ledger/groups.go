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
const forgetActive = `DELETE FROM holder_groups WHERE tally LIKE 'active %' AND period < $1`

// grouped is a query for the places in groups of the rows of a table like holder_balances,
// as tallied is for all. Most holders have personal accounts alone, who are so one group
// instead of three.
func grouped(table, sign string) string {
	const one = `personal_accounts = all_accounts AND all_accounts > 0`
	places := []string{
		`('joined', extract(year FROM joined)::integer * 12 + extract(month FROM joined)::integer - 1, bin, everyone, all_accounts > 0)`,
		`('left', extract(year FROM joined)::integer * 12 + extract(month FROM joined)::integer - 1, 0, 0, all_accounts = 0)`,
		`('moved single', 0, bin, everyone, one AND all_moved)`,
		`('active single', latest - date '1970-01-01', bin, everyone, one AND latest - date '1970-01-01' >= @active_from)`,
	}
	for _, p := range []struct{ population, sum, accounts, moved, latest string }{
		{"personal", "personal", "personal_accounts", "personal_moved", "personal_latest"},
		{"private", "private", "private_accounts", "private_moved", "private_latest"},
		{"all", "everyone", "all_accounts", "all_moved", "latest"},
	} {
		places = append(places, strings.NewReplacer("POPULATION", p.population, "SUM", p.sum, "ACCOUNTS", p.accounts, "MOVED", p.moved, "LATEST", p.latest).Replace(`
			('moved POPULATION', 0, CASE WHEN NOT one THEN balance_bin(SUM) END, SUM, NOT one AND ACCOUNTS > 0 AND MOVED),
			('active POPULATION', LATEST - date '1970-01-01', CASE WHEN NOT one THEN balance_bin(SUM) END, SUM,
				NOT one AND ACCOUNTS > 0 AND LATEST - date '1970-01-01' >= @active_from)`))
	}
	return fmt.Sprintf(`
		SELECT of.tally, of.period, of.place, %[1]s1 AS holders, %[1]sof.total AS total
		FROM %[2]s AS known, LATERAL (SELECT balance_bin(everyone) AS bin, %[3]s AS one OFFSET 0) AS its,
			LATERAL (VALUES %[4]s) AS of (tally, period, place, total, counts)
		WHERE counts`, sign, table, one, strings.Join(places, ", "))
}

// movedGroups is a query for what the groups change by, of before and made.
var movedGroups = grouped("before", "-") + ` UNION ALL ` + grouped("made", "")

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
