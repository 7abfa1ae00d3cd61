package aggregates

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A Report is what was so in a month of the community, as it was known when the month
// was over, and what became known later: see docs/decisions/0027-monthly-reports.md.
type Report struct {
	Month    string       `json:"month" doc:"2026-10"`
	MadeAt   time.Time    `json:"madeAt"`
	Version  string       `json:"version" doc:"Of the program that made it."`
	Numbers  MonthNumbers `json:"numbers" doc:"As they were when the report was made. They never change."`
	Errata   []Erratum    `json:"errata" nullable:"false" doc:"What was another number when the month was read again, oldest first; the newest 1,000."`
	Earlier  int64        `json:"earlierErrata,omitempty" doc:"How many there were before these."`
	Previous string       `json:"previous,omitempty" doc:"The month of the report before."`
	Next     string       `json:"next,omitempty"`
}

// An Erratum is a number that was another one when a month was read again.
type Erratum struct {
	MadeAt  time.Time `json:"madeAt"`
	Version string    `json:"version"`
	What    string    `json:"what" doc:"The figure, as the list of figures names it."`
	Of      string    `json:"of,omitempty" doc:"The source, the id of the item or of the holder of which it is."`
	Name    string    `json:"name,omitempty" doc:"Of the item or the holder."`
	Before  *string   `json:"before" doc:"null: it was not in the report."`
	After   *string   `json:"after" doc:"null: it is no longer in it."`
}

// A ReportRow is a report in the list of all of them.
type ReportRow struct {
	Month    string
	MadeAt   time.Time
	Version  string
	Closing  ledger.Sum
	Prices   *float64 // the change of the index against the month before
	Turnover ledger.Sum
	Errata   int64
}

// mostErrata is how many errata of a report are read. There are some for each hour in
// which something is written into its month.
const mostErrata = 1000

// monthFormat is how months are named.
const monthFormat = "2006-01"

// ErrNoReport means that there is no report of a month.
var ErrNoReport = errors.New("no report of this month")

// Reports reads the reports that are made: see [ListReports] and [ReadReport].
type Reports struct {
	List func(ctx context.Context, before string, limit int) ([]ReportRow, error)
	Read func(ctx context.Context, month string) (*Report, error)
}

// NewReports returns the reports of a database.
func NewReports(db *pgxpool.Pool) Reports {
	return Reports{
		List: func(ctx context.Context, before string, limit int) ([]ReportRow, error) {
			return ListReports(ctx, db, before, limit)
		},
		Read: func(ctx context.Context, month string) (*Report, error) { return ReadReport(ctx, db, month) },
	}
}

// ParseMonth returns the first day of a month such as "2026-10", in UTC, and reports
// whether it is one.
func ParseMonth(month string) (first time.Time, ok bool) {
	first, err := time.Parse(monthFormat, month)
	return first, err == nil && first.Format(monthFormat) == month
}

// ListReports reads at most limit reports of months before one, latest first, or the
// latest ones if before is empty.
func ListReports(ctx context.Context, db *pgxpool.Pool, before string, limit int) ([]ReportRow, error) {
	var end *time.Time
	if first, ok := ParseMonth(before); ok {
		end = &first
	}
	const query = `
		SELECT month, made_at, version, numbers->>'closing', (numbers->'prices'->>'month')::float8, numbers->>'turnover',
			(SELECT count(*) FROM report_errata e WHERE e.month = r.month)
		FROM reports r WHERE month < coalesce($1::date, 'infinity') ORDER BY month DESC LIMIT $2`
	rows, _ := db.Query(ctx, query, end, limit)
	var all []ReportRow
	var month time.Time
	var row ReportRow
	var closing, turnover string
	_, err := pgx.ForEachRow(rows, []any{&month, &row.MadeAt, &row.Version, &closing, &row.Prices, &turnover, &row.Errata}, func() error {
		row.Month = month.Format(monthFormat)
		if err := errors.Join(row.Closing.UnmarshalJSON([]byte(closing)), row.Turnover.UnmarshalJSON([]byte(turnover))); err != nil {
			return err
		}
		all = append(all, row)
		row = ReportRow{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	return all, nil
}

// ReadReport reads the report of a month, and returns ErrNoReport if there is none.
// Firms have the names by which they are known now.
func ReadReport(ctx context.Context, db *pgxpool.Pool, month string) (*Report, error) {
	first, ok := ParseMonth(month)
	if !ok {
		return nil, ErrNoReport
	}
	r := &Report{Month: month, Errata: []Erratum{}}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		const query = `
			SELECT made_at, version, numbers,
				(SELECT max(month) FROM reports WHERE month < $1), (SELECT min(month) FROM reports WHERE month > $1)
			FROM reports WHERE month = $1`
		var numbers []byte
		var previous, next *time.Time
		if err := tx.QueryRow(ctx, query, first).Scan(&r.MadeAt, &r.Version, &numbers, &previous, &next); err != nil {
			return err
		}
		if previous != nil {
			r.Previous = previous.Format(monthFormat)
		}
		if next != nil {
			r.Next = next.Format(monthFormat)
		}
		if err := json.Unmarshal(numbers, &r.Numbers); err != nil {
			return err
		}
		const errata = `SELECT made_at, version, what, of, '' AS name, before, after FROM report_errata WHERE month = $1 ORDER BY nr DESC LIMIT $2`
		rows, _ := tx.Query(ctx, errata, first, mostErrata)
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Erratum])
		if err != nil {
			return err
		}
		slices.Reverse(found)
		r.Errata = append(r.Errata, found...)
		const all = `SELECT count(*) FROM report_errata WHERE month = $1`
		if err := tx.QueryRow(ctx, all, first).Scan(&r.Earlier); err != nil {
			return err
		}
		r.Earlier -= int64(len(found))
		return r.name(ctx, tx)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNoReport
	}
	if err != nil {
		return nil, fmt.Errorf("report of %s: %w", month, err)
	}
	return r, nil
}

// name sets the names of firms, and those of the things that the errata are about. What
// is kept are the refs of holders, so that nobody who is hidden since is named.
func (r *Report) name(ctx context.Context, tx pgx.Tx) error {
	var holders, items []string
	for _, f := range r.Numbers.Firms {
		holders = append(holders, f.ID)
	}
	for _, e := range r.Errata {
		switch figureOf(e.What).of {
		case eachHolder:
			holders = append(holders, e.Of)
		case eachItem:
			items = append(items, e.Of)
		}
	}
	names := map[string]string{}
	const query = `
		SELECT ref, coalesce(h.name, (SELECT a.name FROM accounts a WHERE a.ref = asked.ref AND a.holder = asked.ref), ref), coalesce(hidden, false)
		FROM unnest($1::text[]) AS asked (ref) LEFT JOIN holders h USING (ref)`
	rows, _ := tx.Query(ctx, query, holders)
	var ref, name string
	var hidden bool
	_, err := pgx.ForEachRow(rows, []any{&ref, &name, &hidden}, func() error {
		if !hidden {
			names[ref] = name
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("names of holders: %w", err)
	}
	for i := range r.Numbers.Firms {
		f := &r.Numbers.Firms[i]
		f.ID, f.Name = shownAs(f.ID, names)
	}
	sold := map[string]string{}
	rows, _ = tx.Query(ctx, `SELECT ref, name FROM items WHERE ref = ANY($1)`, items)
	if _, err := pgx.ForEachRow(rows, []any{&ref, &name}, func() error { sold[ref] = name; return nil }); err != nil {
		return fmt.Errorf("names of items: %w", err)
	}
	for i := range r.Errata {
		e := &r.Errata[i]
		switch figureOf(e.What).of {
		case eachHolder:
			e.Of, e.Name = shownAs(e.Of, names)
		case eachItem:
			e.Name = sold[e.Of]
		}
	}
	return nil
}

// shownAs returns the ref and the name of a holder, no ref if they have no name here
// because they are hidden.
func shownAs(ref string, names map[string]string) (string, string) {
	if name, known := names[ref]; known {
		return ref, name
	}
	return "", ledger.HiddenName
}
