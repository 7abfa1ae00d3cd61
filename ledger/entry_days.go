package ledger

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
)

// MostEntryDays is how many days sums of transactions are of, the latest ones.
const MostEntryDays = 90

// An EntryDay is what transactions moved on a day of the community. Of an account it is
// what it received and sent.
type EntryDay struct {
	Day    time.Time // its date, in UTC
	Number int64     // of transactions; 0 of a source: it is not known
	Volume Sum       // what accounts gained on balance; of an account, what it received
	Sent   Sum       // by an account
}

// EntryDays are the sums of the transactions that a filter selects, by day. How they are
// read follows the filter, so that it is by an index.
type EntryDays struct {
	Days []EntryDay // those with any, the latest first
	// OfAccount means that they are of the account's days, OfFlows that they are of the
	// flows between the sides, by hour. Else they are of transactions that were looked at.
	OfAccount, OfFlows bool
	Since              time.Time // nothing before it is in them
}

// rollups reports whether the days of an account or the flows by hour have what the filter
// selects.
func (f EntryFilter) rollups() bool {
	return f.Text == "" && f.Least == 0 && (f.Account == "" || f.Source == "" && f.From.Kind == "" && f.To.Kind == "")
}

// readDays reads the sums of what the filter selects by the days of an account, or by the
// flows.
func (r *entryReader) readDays(ctx context.Context) error {
	f, ofAccount := r.filter, r.own != nil
	v := &EntryDays{OfAccount: ofAccount, OfFlows: !ofAccount}
	// The latest day is that of the ledger's last hour, or that before which the filter ends.
	const bounds = `
		SELECT least($1, max(hour) + interval '1 hour'), coalesce((SELECT timezone FROM settings), 'UTC') FROM activity_hours`
	until, most := f.Until, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if until.IsZero() {
		until = most
	}
	var end *time.Time
	var name string
	if err := r.db.QueryRow(ctx, bounds, until).Scan(&end, &name); err != nil {
		return err
	}
	if end == nil {
		return nil // nothing ever happened
	}
	zone, err := LoadZone(name)
	if err != nil {
		return err
	}
	last := DayNumberOf(end.Add(-1), zone)
	first := last - MostEntryDays + 1
	if v.Since = DayStart(first, zone); f.Since.After(v.Since) {
		v.Since = f.Since
		first = DayNumberOf(f.Since, zone)
	}
	query := `
		SELECT ` + LocalTime("hour") + `::date AS day, 0::bigint, sum(volume), 0::numeric FROM flow_hours
		WHERE hour >= @start AND hour < @end AND (@source = '' OR source = @source)
			AND (@from_kind = '' OR from_kind = @from_kind AND from_issuer = @from_issuer) AND (@to_kind = '' OR to_kind = @to_kind AND to_issuer = @to_issuer)
		GROUP BY day ORDER BY day DESC`
	if ofAccount {
		query = `
			SELECT day, sum(postings)::bigint, sum(received), sum(sent) FROM account_days
			WHERE account = ANY(@own) AND day BETWEEN @first::date AND @last::date GROUP BY day ORDER BY day DESC`
	}
	args := LocalTimeArgs(zone, v.Since, *end)
	maps.Copy(args, pgx.NamedArgs{
		"own": r.own, "first": dateOf(first), "last": dateOf(last), "start": v.Since, "end": *end, "source": r.filter.Source,
		"from_kind": string(r.filter.From.Kind), "from_issuer": r.filter.From.Issuer, "to_kind": string(r.filter.To.Kind), "to_issuer": r.filter.To.Issuer,
	})
	rows, _ := r.db.Query(ctx, query, args)
	if v.Days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[EntryDay]); err != nil {
		return err
	}
	r.found.Days = v
	return nil
}

// sumDays sums what was found by day, and leaves the first ones of it. Those whose sums are
// not known are counted alone.
func (r *entryReader) sumDays(ctx context.Context, limit int) error {
	var name string
	if err := r.db.QueryRow(ctx, `SELECT coalesce((SELECT timezone FROM settings), 'UTC')`).Scan(&name); err != nil {
		return err
	}
	zone, err := LoadZone(name)
	if err != nil {
		return err
	}
	v := &EntryDays{}
	for _, e := range r.found.Entries {
		number := DayNumberOf(e.At, zone)
		if n := len(v.Days); n == 0 || !v.Days[n-1].Day.Equal(dateOf(number)) {
			if n == MostEntryDays {
				break
			}
			v.Days, v.Since = append(v.Days, EntryDay{Day: dateOf(number)}), DayStart(number, zone)
		}
		of := &v.Days[len(v.Days)-1]
		of.Number, of.Volume = of.Number+1, of.Volume.Add(e.Volume)
	}
	if len(v.Days) < MostEntryDays && r.found.Next != nil && r.found.Next.At.After(v.Since) {
		v.Since = r.found.Next.At // it was not looked any further
	}
	r.found.Days = v
	if len(r.found.Entries) > limit {
		r.found.Entries = r.found.Entries[:limit]
		next := r.found.Entries[limit-1].Cursor
		r.found.Next, r.found.Cut = &next, false
	}
	return nil
}

// dateOf returns the date of a day by its number, in UTC.
func dateOf(number int) time.Time { return time.Unix(int64(number)*daySeconds, 0).UTC() }
