package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// changes are the moments at which a zone's clock changes.
var changes = map[string][]string{
	"UTC":               {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"Europe/Berlin":     {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"America/New_York":  {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
	"Australia/Sydney":  {"2026-04-04T16:00:00Z", "2026-10-03T16:00:00Z"},
	"America/Sao_Paulo": {"2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"},
}

func TestAccountsAreKeptByTheDaysOfTheCommunity(t *testing.T) {
	for zone, changes := range changes {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t)
			l := ledger.New(db)
			if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: zone}); err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for n, change := range changes {
				at, err := time.Parse(time.RFC3339, change)
				if err != nil {
					t.Fatal(err)
				}
				b := village()
				for i := range 120 {
					when := at.Add(time.Duration(random.Int64N(int64(96 * time.Hour)))).Add(-48 * time.Hour)
					b.Transactions = append(b.Transactions, transaction(fmt.Sprint(n, " ", i), when,
						ledger.Posting{"mint", -int64(i + 1)}, ledger.Posting{[]string{"ann", "bob", "bakery"}[i%3], int64(i + 1)}))
				}
				if _, err := l.Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			const kept = `SELECT account, day::text, received, sent, postings FROM account_days ORDER BY account, day`
			scan := strings.ReplaceAll(`
				SELECT account, (at AT TIME ZONE 'PLACE')::date::text AS day, coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint,
					coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint, count(*)
				FROM postings GROUP BY account, day ORDER BY account, day`, "PLACE", zone)
			wantRows(t, db, kept, rowsOf(t, db, scan)...)
			wantSound(t, l)
		})
	}
}

func TestATimeBetweenTheHoursOfTheZoneIsRefused(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Chama", Timezone: "Africa/Nairobi"}); err != nil {
		t.Fatal(err)
	}
	b := grant()
	b.Transactions[0].At = time.Date(1940, 1, 1, 12, 0, 0, 0, time.UTC)
	_, err := l.Append(t.Context(), b)
	const want = "at 1940-01-01T12:00:00Z the ledger's time zone Africa/Nairobi was +02:45 from UTC, and the ledger counts by whole hours of UTC"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Append = %v, want an error with %q", err, want)
	}
	if _, err := l.Append(t.Context(), grant()); err != nil {
		t.Errorf("a time of today: %v", err)
	}
}

func TestASnapshotIsDeletedByThePostingOrSaleOfItsDay(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: "Australia/Sydney"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders)
		SELECT d::date, 0, 0 FROM generate_series('2026-03-03'::date, '2026-03-06', '1 day') AS d`); err != nil {
		t.Fatal(err)
	}
	b := grant() // at noon of the 4th in UTC, which is 23:00 in Sydney
	b.Transactions[0].At = noon.Add(time.Hour)
	for i := range b.Sales {
		b.Sales[i].At = noon.Add(time.Hour)
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT day::text FROM day_snapshots ORDER BY day`, "2026-03-03", "2026-03-04")
}
