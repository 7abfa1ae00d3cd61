package aggregates

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// scannedStarts is SQL for when the step begins to which a sale belongs.
var scannedStarts = map[Step]string{
	"1h": `date_trunc('hour', at)`,
	"4h": `(date_trunc('day', at AT TIME ZONE $1) + extract(hour FROM at AT TIME ZONE $1)::int / 4 * interval '4 hours') AT TIME ZONE $1`,
	"1d": `date_trunc('day', at AT TIME ZONE $1) AT TIME ZONE $1`,
	"1w": `date_trunc('week', at AT TIME ZONE $1) AT TIME ZONE $1`,
}

// scanSold returns the points of a step of all items, by item, by a scan of the sales
// that are not marked.
func scanSold(t *testing.T, db *pgxpool.Pool, zone string, step Step) map[string][]SoldPoint {
	t.Helper()
	query := `
		WITH sold AS (
			SELECT i.ref, ` + scannedStarts[step] + ` AS start, s.at, s.id, s.quantity, s.total, s.total::float8 / s.quantity AS price, s.seller, s.buyer
			FROM sales s JOIN items i ON i.id = s.item
			WHERE s.quantity > 0 AND s.total > 0 AND $1 <> '' AND NOT EXISTS (
				SELECT FROM offsetting_pairs p
				WHERE p.item = s.item AND p.seller = s.seller AND p.buyer = s.buyer AND p.day = (s.at AT TIME ZONE $1)::date)),
		traded AS (
			SELECT ref, start, count(DISTINCT account) AS traders FROM (
				SELECT ref, start, coalesce(target, account) AS account
				FROM (SELECT ref, start, seller AS account FROM sold UNION ALL SELECT ref, start, buyer FROM sold) AS sides
				LEFT JOIN merges USING (account)) AS shown GROUP BY 1, 2)
		SELECT ref, start, count(*), sum(quantity), sum(total), (array_agg(price ORDER BY at, id))[1], max(price), min(price),
			(array_agg(price ORDER BY at DESC, id DESC))[1], sum(total)::float8 / sum(quantity)::float8, traders, max(at),
			array_agg(total ORDER BY id), array_agg(quantity ORDER BY id)
		FROM sold JOIN traded USING (ref, start) GROUP BY ref, start, traders ORDER BY ref, start`
	rows, _ := db.Query(t.Context(), query, zone)
	all := map[string][]SoldPoint{}
	var ref string
	var p SoldPoint
	var traders int64
	var totals, quantities []int64
	_, err := pgx.ForEachRow(rows, []any{&ref, &p.Start, &p.Sales, &p.Quantity, &p.Volume, &p.Open, &p.High, &p.Low, &p.Close, &p.Mean, &traders, &p.LastAt, &totals, &quantities}, func() error {
		point := p
		if step == "1d" || step == "1w" {
			point.Traders = pointerTo(traders)
			pieces := map[priced]ledger.Sum{}
			for i := range totals {
				of := priced{totals[i], quantities[i]}
				pieces[of] = pieces[of].Add(quantities[i])
			}
			point.Median = medianPrice(pieces)
		}
		all[ref] = append(all[ref], point)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// withinDigits allows for the last bits of quotients.
var withinDigits = cmpopts.EquateApprox(1e-12, 0)

// checkSold compares the series of items, page after page, and the hours in which
// anything was sold with a scan of the sales.
func checkSold(t *testing.T, db *pgxpool.Pool, zone string, now time.Time) {
	t.Helper()
	sold := NewSold(db)
	hours := map[time.Time][]SoldItem{}
	for _, step := range Steps() {
		for ref, want := range scanSold(t, db, zone, step) {
			if step == "1h" {
				for _, p := range want {
					start := p.Start.UTC()
					hours[start] = append(hours[start], SoldItem{ref, p.Sales, p.Quantity, p.Volume, p.High, p.Low, p.Mean, p.LastAt})
				}
			}
			if ref > "i/09" { // few are enough
				continue
			}
			var got []SoldPoint
			from, pages := time.Time{}, 0
			for ; pages == 0 || !from.IsZero(); pages++ {
				page, err := sold.Series(t.Context(), ref, step, from, now)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Points) == 0 {
					t.Errorf("%s by %s: page %d is empty", ref, step, pages+1)
				}
				got = append(got, page.Points...)
				from = page.Next
			}
			got[len(got)-1].Partial = false
			if diff := cmp.Diff(want, got, withinDigits, cmpopts.EquateApproxTime(0)); diff != "" {
				t.Errorf("%s by %s on %d pages (-scanned +read):\n%s", ref, step, pages, diff)
			}
		}
	}
	n := 0
	for start, want := range hours {
		if n++; n > 30 {
			break
		}
		slices.SortFunc(want, func(a, b SoldItem) int { return strings.Compare(a.ID, b.ID) })
		got, err := sold.Hour(t.Context(), start.Add(59*time.Minute), now)
		if err != nil {
			t.Fatal(err)
		}
		whole := &SoldHour{Start: start, End: start.Add(hour), Partial: now.Before(start.Add(hour)), Count: int64(len(want)), Items: want}
		if diff := cmp.Diff(whole, got, withinDigits, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("sold from %s (-scanned +read):\n%s", start, diff)
		}
	}
}

// The course of a price begins where the caller says. Its step says how long a page is,
// and a point whose time is not over is partial.
func TestASeriesBeginsWhereItIsAskedTo(t *testing.T) {
	db := testkit.Postgres(t)
	if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	now := at(t, "03-31 12:20")
	var sales []ledger.Sale
	for i, when := range []string{"01-01 10:00", "03-28 23:30", "03-29 00:30", "03-29 01:30", "03-31 12:10"} { // the clock changes on the 29th
		sales = append(sales, ledger.Sale{Origin: "test", Ref: fmt.Sprint(i), At: at(t, when), Item: "apple", Direction: ledger.DirectionSale, Quantity: 1, Total: int64(10 + i)})
	}
	appendBatch(t, db, ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal}}, Items: []ledger.Item{{Ref: "apple"}}, Sales: sales})
	for _, c := range []struct {
		step       Step
		from, want string
		next       string
	}{
		{"1h", "01-01 00:00", "01-01T11:00+01", "2026-03-29T00:00+01"},
		{"1h", "03-29 00:50", "03-29T01:00+01 03-29T03:00+02 03-31T14:00+02*", ""},
		{"4h", "03-29 01:59", "03-29T00:00+01 03-31T12:00+02*", ""},
		{"1d", "03-29 12:00", "03-29T00:00+01 03-31T00:00+02*", ""},
		{"1w", "01-02 00:00", "2025-12-29T00:00+01 03-23T00:00+01 03-30T00:00+02*", ""},
		{"1d", "04-01 00:00", "", ""},
	} {
		page, err := NewSold(db).Series(t.Context(), "apple", c.step, at(t, c.from), now)
		if err != nil {
			t.Fatal(err)
		}
		const layout = "2006-01-02T15:04Z07"
		var got []string
		for _, p := range page.Points {
			text := strings.TrimPrefix(p.Start.Format(layout), "2026-")
			if p.Partial {
				text += "*"
			}
			got = append(got, text)
		}
		next := ""
		if !page.Next.IsZero() {
			next = page.Next.Format(layout)
		}
		if points := strings.Join(got, " "); points != c.want || next != c.next {
			t.Errorf("by %s from %s: %s, next %q; want %s, %q", c.step, c.from, points, next, c.want, c.next)
		}
	}
	if page, err := NewSold(db).Series(t.Context(), "pear", "1d", now, now); page != nil || err != nil {
		t.Errorf("an unknown item: %v, %v", page, err)
	}
}

// Where the tables are large, an hour and a page of a series read what they show.
func TestSoldReadsIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO items (id, ref, name) SELECT n, 'i' || n, 'Thing ' || n FROM generate_series(1, 500) n;
		INSERT INTO price_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, 100 + n % 7, 1, 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO trader_days SELECT n % 500 + 1, '2026-01-01'::date + (n / 500) % 180, n % 11, 'buyer', 2, 2, 200 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO item_hours SELECT n % 500 + 1, '2026-01-01 12:00Z'::timestamptz + (n / 500) % 180 * interval '1 day', 2, 2, 200, 0, 0, 0, 100, 106, 100, 106, '2026-01-01', 1, '2026-01-01', 2 FROM generate_series(1, 90000) n ON CONFLICT DO NOTHING;
		INSERT INTO offsetting_hours SELECT item, hour, hour::date, 1, 1, 100, 2, 100, 100, 100, 100, hour FROM item_hours WHERE item % 50 = 0;
		ANALYZE`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	p := &planned{Tx: tx}
	h := &SoldHour{Start: at(t, "03-11 12:00")}
	if err := h.fill(t.Context(), p); err != nil || h.Count != 500 {
		t.Fatalf("%d items, %v", h.Count, err)
	}
	v := &SoldSeries{Step: "1w"}
	if err := v.fill(t.Context(), p, 50, time.Time{}, at(t, "07-01 00:00")); err != nil || len(v.Points) != 27 {
		t.Fatalf("%d points, %v", len(v.Points), err)
	}
	if math.Abs(v.Points[3].Mean-100) > 1e-9 || v.Points[3].Sales != 7 {
		t.Errorf("a week has %d sales at %g, want 7 at 100: half are marked", v.Points[3].Sales, v.Points[3].Mean)
	}
	for _, plan := range p.plans {
		for _, table := range []string{"price_days", "trader_days", "item_hours"} {
			if strings.Contains(plan, "Seq Scan on "+table) {
				t.Errorf("all of %s is read:\n%s", table, plan)
			}
		}
	}
}
