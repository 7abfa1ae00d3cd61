package aggregates

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// TestTheBridgeIsWhatScanningSays compares the bridge and the days of a source with
// the same numbers by scanning every posting, on random ledgers.
func TestTheBridgeIsWhatScanningSays(t *testing.T) {
	for i, days := range []int{2, 45, 200, 900} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 23))
			now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
			r := randomRecord(random, now, days, transactionsIn(days))
			db := testkit.Postgres(t)
			appendBatch(t, db, r.batch())
			w := windowAt(now)
			for _, days := range AllDays() {
				s := r.span(w, days)
				checkBridge(t, db, w, s)
				for _, q := range []SourceQuery{{Source: "shop"}, {Source: "tax"}, {Source: "none"}} {
					q.Days = days
					checkSource(t, db, w, s, q)
				}
				checkParties(t, db, w, s)
			}
		})
	}
}

func TestTheBridgeOfATownIsExplained(t *testing.T) {
	db := testkit.Postgres(t)
	now := at(t, "03-11 10:30")
	tn := town.New(town.Config{Seed: 1, Players: 60, Days: 15, End: now})
	if err := tn.History(t.Context(), func(b ledger.Batch) error {
		_, err := ledger.New(db).Append(t.Context(), b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, days := range AllDays() {
		b, err := ComputeBridge(t.Context(), db, windowAt(now), days)
		if err != nil || b.Unexplained.Sign() != 0 || len(b.Steps) == 0 {
			t.Errorf("%s days: %v, %+v, want steps and nothing unexplained", days.Key(), err, b)
		}
	}
}

// What is wrong with the books, the bridge says by how much.
func TestTheBridgeIsOffByWhatIsWrong(t *testing.T) {
	for damage, want := range map[string]int64{
		`SELECT`: 0,
		`UPDATE balances SET balance = balance + 12 WHERE account = (SELECT id FROM accounts WHERE ref = 'ann')`:                      12,
		`UPDATE balances SET balance = balance - 5 WHERE account = (SELECT id FROM accounts WHERE ref = 'mint')`:                      -5,
		`UPDATE flow_hours SET volume = volume + 7 WHERE from_issuer AND hour >= '2026-03-01'`:                                        -7,
		`DELETE FROM flow_hours WHERE to_issuer`:                                                                                      -20,
		`UPDATE account_days SET sent = sent + 3 WHERE day > '2026-03-01' AND account = (SELECT id FROM accounts WHERE ref = 'mint')`: 6,
		`UPDATE account_days SET sent = sent + 3 WHERE day > '2026-03-01' AND account = (SELECT id FROM accounts WHERE ref = 'ann')`:  0,
	} {
		db, w := village(t)
		if _, err := db.Exec(t.Context(), damage); err != nil {
			t.Fatal(err)
		}
		b, err := ComputeBridge(t.Context(), db, w, 30)
		if err != nil || b.Unexplained != sumOf(want) {
			t.Errorf("after %s: unexplained %s, %v, want %d", damage, b.Unexplained, err, want)
		}
	}
}

func TestALongBridgeHasAFewStepsAndTheRest(t *testing.T) {
	db, w := village(t)
	b := ledger.Batch{}
	for i := range 60 {
		from, to := "mint", "ann"
		if i%3 == 0 {
			from, to = to, from
		}
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint("s", i), At: at(t, "03-10 12:00"), Source: fmt.Sprintf("s%02d", i),
			Postings: []ledger.Posting{{Account: from, Amount: -int64(i + 1)}, {Account: to, Amount: int64(i + 1)}}})
	}
	appendBatch(t, db, b)
	got, err := ComputeBridge(t.Context(), db, w, 7)
	if err != nil || len(got.Steps) != 50 || got.Others.Creating+got.Others.Destroying != 11 || got.Unexplained.Sign() != 0 {
		t.Fatalf("%v, %d steps, others %+v, unexplained %s", err, len(got.Steps), got.Others, got.Unexplained)
	}
	steps, others := got.Largest(3)
	if len(steps) != 3 || steps[0].Source != "s59" || steps[2].Source != "s57" || others.Creating+others.Destroying != 58 {
		t.Errorf("the largest are %+v, others %+v", steps, others)
	}
	sum := others.Created.Minus(others.Destroyed)
	for _, s := range steps {
		sum = sum.Plus(s.Change)
	}
	if sum != got.Closing.Minus(got.Opening) {
		t.Errorf("steps and others are %s, want %s", sum, got.Closing.Minus(got.Opening))
	}
}

// scanned is by each transaction of a period what it created (above zero) or
// destroyed, and what accounts gained by it.
const scanned = `
	SELECT t.source, t.at, coalesce(sum(net) FILTER (WHERE NOT issuer), 0) AS change, sum(greatest(net, 0)) AS volume
	FROM transactions t JOIN (
		SELECT transaction, account, sum(amount) AS net FROM postings GROUP BY transaction, account) p ON p.transaction = t.id
	JOIN accounts a ON a.id = p.account
	WHERE t.at >= $1 AND t.at < $2
	GROUP BY t.id, t.source, t.at`

func scanSQL(t *testing.T, db *pgxpool.Pool, to any, query string, args ...any) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query, args...).Scan(to); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func checkBridge(t *testing.T, db *pgxpool.Pool, w cache.Window, s span) {
	t.Helper()
	want := &Bridge{Basis: basisOf(s)}
	const supply = `SELECT coalesce(sum(amount), 0) FROM postings JOIN accounts ON id = account WHERE NOT issuer AND at < $1`
	scanSQL(t, db, &want.Opening, supply, s.Start)
	scanSQL(t, db, &want.Closing, supply, s.End)
	const archived = ` FROM accounts a WHERE NOT issuer AND archived > $1 AND archived <= $2 AND EXISTS (SELECT FROM postings WHERE account = a.id)`
	scanSQL(t, db, &want.Archived.Accounts, `SELECT count(*)`+archived, s.Start, s.End)
	scanSQL(t, db, &want.Archived.Held, `SELECT coalesce(sum((SELECT sum(amount) FROM postings WHERE account = a.id)), 0)`+archived, s.Start, s.End)
	rows, _ := db.Query(t.Context(), `SELECT source, sum(change) FROM (`+scanned+`) AS scanned WHERE change <> 0
		GROUP BY source, sign(change) ORDER BY sign(sum(change)) DESC, abs(sum(change)) DESC`, s.Start, s.End)
	var err error
	if want.Steps, err = pgx.CollectRows(rows, pgx.RowToStructByPos[BridgeStep]); err != nil {
		t.Fatal(err)
	}
	got, err := ComputeBridge(t.Context(), db, w, s.Days)
	compare(t, "bridge", s.Days, want, got, err)
}

func checkSource(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, q SourceQuery) {
	t.Helper()
	const sums = `
		SELECT ARRAY[coalesce(sum(volume), 0), coalesce(sum(greatest(change, 0)), 0), coalesce(sum(greatest(-change, 0)), 0)]
		FROM (` + scanned + `) AS scanned WHERE source = $3`
	three := func(start, end time.Time) (n [3]ledger.Sum) {
		var all []ledger.Sum
		scanSQL(t, db, &all, sums, start, end, q.Source)
		return [3]ledger.Sum(all)
	}
	want := &SourceDays{Basis: basisOf(s), Source: q.Source, From: "any", To: "any"}
	now := three(s.Start, s.End)
	want.Volume.Now, want.Created.Now, want.Destroyed.Now = now[0], now[1], now[2]
	if before, ok := s.previous(); ok {
		was := three(before.Start, before.End)
		want.Volume.Before, want.Created.Before, want.Destroyed.Before = &was[0], &was[1], &was[2]
	}
	unit, buckets := s.buckets()
	want.Bucket = unit
	for _, b := range buckets {
		start, end := plus(s.Start, b.from), plus(s.Start, b.to+1)
		if end.After(s.End) {
			end = s.End
		}
		n := three(start, end)
		want.Moves = append(want.Moves, SourceMoves{Start: b.start, Volume: n[0], Created: n[1], Destroyed: n[2], Partial: b.partial})
	}
	want.Largest = scannedLargest(t, db, s, q)
	got, err := ComputeSource(t.Context(), db, w, q)
	compare(t, "source "+q.Source, s.Days, want, got, err)
}

// checkParties compares what the sides of a source paid and received with a scan.
// How several payers' money is shared out is the ledger's own matter.
func checkParties(t *testing.T, db *pgxpool.Pool, w cache.Window, s span) {
	t.Helper()
	for _, p := range Parties() {
		for side, q := range map[string]SourceQuery{"-1": {Source: "gift", From: p, Days: s.Days}, "1": {Source: "gift", To: p, Days: s.Days}} {
			var want ledger.Sum
			scanSQL(t, db, &want, `SELECT coalesce(sum(greatest(net * `+side+`, 0)), 0) FROM (
				SELECT sum(amount) AS net FROM transactions t JOIN postings p ON p.transaction = t.id JOIN accounts a ON a.id = account
				WHERE source = 'gift' AND t.at >= $1 AND t.at < $2 AND kind = $3 AND issuer = $4 GROUP BY t.id, account) AS nets`,
				s.Start, s.End, string(p.Kind), p.Issuer)
			got, err := ComputeSource(t.Context(), db, w, q)
			if err != nil || got.Volume.Now != want {
				t.Errorf("%s days, %s: %s, %v, want %s", s.Days.Key(), q.Key(), got.Volume.Now, err, want)
			}
		}
	}
}
