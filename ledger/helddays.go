package ledger

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A HeldDay is what an account that is no issuer gained on a day on which it had postings.
// A merged account is one of the holder of the other one, and archived when that is.
type HeldDay struct {
	Account int64
	Kind    Kind
	Day     int // its number
	Gained  int64
	Gone    int // the day on which the account was archived, [NotGone] if it is not
}

// NotGone is the day of accounts that are not archived.
const NotGone = math.MaxInt32

// ofHolders is a query for the days of the accounts of holders, by holder.
func ofHolders(members string) string {
	return `
		SELECT h.holder, d.account, h.kind, d.day - date '1970-01-01', (d.received - d.sent)::bigint,
			CASE WHEN h.archived IS NOT NULL THEN ` + LocalTime(`date_trunc('hour', h.archived, 'UTC')`) + `::date - date '1970-01-01' END
		FROM ` + members + ` WHERE NOT h.issuer AND d.day <= @to::date
		ORDER BY h.holder, d.day`
}

// HeldDays calls f with the days of each holder up to one, in their order, which f does not
// keep: of all holders, or of those whose accounts had postings or were archived since from.
// Its memory does not follow how many holders there are.
func HeldDays(ctx context.Context, tx pgx.Tx, zone *time.Location, from, to time.Time, all bool, f func([]HeldDay) error) error {
	query := ofHolders(`account_days d JOIN account_holders h ON h.id = d.account`)
	if !all {
		const since = `
			SELECT account FROM account_days WHERE day BETWEEN @from::date AND @to::date
			UNION SELECT id FROM accounts WHERE archived >= @start
			UNION SELECT m.account FROM merges m JOIN accounts t ON t.id = target WHERE t.archived >= @start`
		query = `WITH ` + membersOf(since) + ofHolders(`members h, LATERAL (SELECT * FROM account_days WHERE account = h.id OFFSET 0) AS d`)
	}
	args := LocalTimeArgs(zone, time.Time{}, time.Now())
	args["from"], args["to"], args["start"] = from, to, DayStart(DayNumber(from), zone)
	kinds := map[string]Kind{}
	for _, k := range Kinds() {
		kinds[string(k)] = k
	}
	var (
		d            HeldDay
		gone         *int
		holder, kind pgtype.DriverBytes // which are not copied
		last         []byte             // holder
		of           []HeldDay          // of the last one
	)
	rows, _ := tx.Query(ctx, query, args)
	_, err := pgx.ForEachRow(rows, []any{&holder, &d.Account, &kind, &d.Day, &d.Gained, &gone}, func() error {
		if len(of) > 0 && string(holder) != string(last) {
			if err := f(of); err != nil {
				return err
			}
			of = of[:0]
		}
		last = append(last[:0], holder...)
		d.Kind, d.Gone = kinds[string(kind)], NotGone
		if gone != nil {
			d.Gone = *gone
		}
		of = append(of, d)
		return nil
	})
	if err == nil && len(of) > 0 {
		err = f(of)
	}
	if err != nil {
		return fmt.Errorf("days of holders: %w", err)
	}
	return nil
}

// Largest returns accounts among which all with a balance above some amount are, and that
// amount: those of the holders with the largest single balances above 0, of so many, and of
// those who changed since the fold. Issuers and archived accounts may be among them. Accounts
// that were archived after end count as those that are not. Its cost follows that number, and
// what changed.
func (f Fold) Largest(ctx context.Context, tx pgx.Tx, end time.Time, most int) (accounts []int64, above int64, err error) {
	query := `
		WITH ` + membersOf(changedAccounts+` UNION `+archivedLater) + `,
		largest AS MATERIALIZED (SELECT holder, largest FROM holder_balances WHERE largest > 0 ORDER BY largest DESC LIMIT @most),
		rich AS MATERIALIZED (SELECT holder FROM touched UNION SELECT holder FROM largest),
		owned AS MATERIALIZED (SELECT id FROM rich, LATERAL (SELECT id FROM accounts WHERE accounts.holder = rich.holder OFFSET 0) AS own)
		SELECT array_agg(id), (SELECT CASE WHEN count(*) = @most THEN min(largest) ELSE 0 END FROM largest) FROM (
			SELECT id FROM owned
			UNION SELECT account FROM merges WHERE target IN (SELECT id FROM owned)) AS all_of_them`
	args := f.args(time.UTC, end)
	args["most"] = int64(most)
	if err := tx.QueryRow(ctx, query, args).Scan(&accounts, &above); err != nil {
		return nil, 0, fmt.Errorf("accounts with the largest balances: %w", err)
	}
	return accounts, above, nil
}

// BinOf returns the bin of a balance, as balance_bin does.
func BinOf(balance Sum) int {
	amount, fits := balance.Int64()
	switch {
	case !fits:
		return balance.Sign() * (LastBin + 1)
	case amount < 0:
		return -binOf(-uint64(amount))
	default:
		return binOf(uint64(amount))
	}
}

func binOf(amount uint64) int {
	if amount < 128 {
		return int(amount)
	}
	shift := bits.Len64(amount) - 7
	return min(64*shift+int(amount>>shift), LastBin)
}
