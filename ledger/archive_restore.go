package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// MonthFiles are the rows of an archived month, as CSV with a header. Their columns are
// those of [MonthColumns].
type MonthFiles struct{ Transactions, Postings, Sales io.Reader }

// MonthColumns are the columns by which the rows of a month are restored.
var MonthColumns = MonthTables{
	Transactions: "id, origin, ref, at, source, message",
	Postings:     "origin, transaction, account, amount, transaction_id, seq",
	Sales:        "id, origin, ref, at, item, shop, seller, buyer, direction, quantity, total, tax, transaction, transaction_id",
}

// MonthTables is something of each table of the record.
type MonthTables struct{ Transactions, Postings, Sales string }

// stage are the tables into which the files are read.
const stage = `
	CREATE TEMPORARY TABLE stage_transactions (id bigint PRIMARY KEY, origin text, ref text, at timestamptz, source text, message text) ON COMMIT DROP;
	CREATE TEMPORARY TABLE stage_postings (origin text, transaction text, account text, amount bigint, transaction_id bigint, seq integer) ON COMMIT DROP;
	CREATE TEMPORARY TABLE stage_sales (id bigint, origin text, ref text, at timestamptz, item text, shop text, seller text, buyer text,
		direction text, quantity bigint, total bigint, tax bigint, transaction text, transaction_id bigint) ON COMMIT DROP;`

// restoring are the statements that bring back what was before $1 of the staged rows.
var restoring = []struct{ what, query string }{
	{"transactions", `
		INSERT INTO transactions (id, at, source, message, origin, ref)
		SELECT s.id, at, source, message, s.origin, s.ref FROM stage_transactions s JOIN refs r ON (r.ref, r.origin, r.what, r.id) = (s.ref, s.origin, 't', s.id)
		WHERE at < $1 ORDER BY s.id`},
	{"postings", `
		INSERT INTO postings (account, at, transaction, seq, amount)
		SELECT a.id, t.at, t.id, p.seq, p.amount FROM stage_postings p JOIN stage_transactions t ON t.id = p.transaction_id JOIN accounts a ON a.ref = p.account
		WHERE t.at < $1 ORDER BY a.id, t.at, t.id, p.seq`},
	{"sales", `
		INSERT INTO sales (item, at, id, shop, seller, buyer, direction, quantity, total, tax, transaction, origin, ref)
		SELECT i.id, s.at, s.id, h.id, f.id, b.id, s.direction, s.quantity, s.total, s.tax, s.transaction_id, s.origin, s.ref
		FROM stage_sales s JOIN refs r ON (r.ref, r.origin, r.what, r.id) = (s.ref, s.origin, 's', s.id) JOIN items i ON i.ref = s.item
			LEFT JOIN shops h ON h.ref = s.shop LEFT JOIN accounts f ON f.ref = s.seller LEFT JOIN accounts b ON b.ref = s.buyer
		WHERE s.at < $1 AND (s.shop IS NULL) = (h.id IS NULL) AND (s.seller IS NULL) = (f.id IS NULL) AND (s.buyer IS NULL) = (b.id IS NULL)
		ORDER BY i.id, s.at, s.id`},
}

// Restore brings back the latest archived month from its files, in one database
// transaction: the rows are what they were, rollups and balances are not touched, and
// the record begins with the month, or where it always did if it is the last one.
func (a *Archiver) Restore(ctx context.Context, m Month, files MonthFiles) error {
	if _, err := a.db.Exec(ctx, `SELECT add_months($1::date[])`, []time.Time{monthOf(m.Starts), monthOf(m.Ends.Add(-1))}); err != nil {
		return fmt.Errorf("make tables for %s: %w", m, err)
	}
	err := a.tx(ctx, func(tx pgx.Tx) error {
		archive, err := readArchive(ctx, tx)
		if err != nil {
			return err
		}
		n := len(archive.Months)
		if n == 0 || !archive.Months[n-1].Date.Equal(m.Date) {
			return errors.New("it is not the latest archived month")
		}
		if _, err := tx.Exec(ctx, stage); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, forgetFold); err != nil { // which takes these postings for new ones
			return err
		}
		for _, of := range []struct {
			table, columns string
			from           io.Reader
		}{
			{"stage_transactions", MonthColumns.Transactions, files.Transactions}, {"stage_postings", MonthColumns.Postings, files.Postings},
			{"stage_sales", MonthColumns.Sales, files.Sales},
		} {
			if _, err := tx.Conn().PgConn().CopyFrom(ctx, of.from, "COPY "+of.table+" ("+of.columns+") FROM STDIN (FORMAT csv, HEADER)"); err != nil {
				return fmt.Errorf("read the files: %s: %w", of.table, err)
			}
		}
		want := archive.Months[n-1].Removed
		for i, removed := range []int64{want.Transactions, want.Postings, want.Sales} {
			restored, err := tx.Exec(ctx, restoring[i].query, archive.Begins)
			if err != nil {
				return fmt.Errorf("%s: %w", restoring[i].what, err)
			}
			if restored.RowsAffected() != removed {
				return fmt.Errorf("%d %s of the files are this ledger's, and %d were removed", restored.RowsAffected(), restoring[i].what, removed)
			}
		}
		for _, table := range []string{"archive_balances", "archive_checksums", "archive_months"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE month = $1`, m.Date); err != nil {
				return err
			}
		}
		if n == 1 {
			_, err = tx.Exec(ctx, `UPDATE archive SET closed = '-infinity', begins = '-infinity', begins_day = '-infinity'`)
			return err
		}
		// Between archived months there is nothing.
		_, err = tx.Exec(ctx, `UPDATE archive SET closed = $1, begins = $1, begins_day = $2`, m.Starts, m.Date)
		return err
	})
	if err != nil {
		return fmt.Errorf("restore %s: %w", m, err)
	}
	return nil
}

// checkClosed adds a problem for everything that is new and of a time that is archived.
func (ap *appender) checkClosed() error {
	for i, id := range ap.transactions {
		t := &ap.batch.Transactions[i]
		if why := archivedBefore(t.At, ap.closed, ap.zone); why != "" && id != 0 {
			ap.problems.addField("transaction", t.Line, t.Ref, "time", "time %s", why)
		}
	}
	for i, id := range ap.sales {
		s := &ap.batch.Sales[i]
		if why := archivedBefore(s.At, ap.closed, ap.zone); why != "" && id != 0 {
			ap.problems.addField("sale", s.Line, s.Ref, "time", "time %s", why)
		}
	}
	return ap.problems.err()
}

// archivedBefore returns the problem of a time that is closed, and nothing of another.
func archivedBefore(at, closed time.Time, zone *time.Location) string {
	if closed.IsZero() || !at.Before(closed) {
		return ""
	}
	return fmt.Sprintf("%s is before %s, and all of that time is archived: exchequer archive restore brings it back",
		at.UTC().Format(time.RFC3339), closed.In(zone).Format(time.DateOnly))
}
