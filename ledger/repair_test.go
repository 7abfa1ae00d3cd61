package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// damages are what may have happened to a rollup: rows lost, doubled in value, and
// invented.
func damages(random *rand.Rand) []string {
	some := fmt.Sprintf("abs(hashtext(ctid::text)) %% 100 < %d", []int{5, 50, 100}[random.IntN(3)])
	// As Citus takes it: immutable.
	later := func(column, by string) string {
		return column + ` = (` + column + ` AT TIME ZONE 'UTC' + interval '` + by + `') AT TIME ZONE 'UTC'`
	}
	return []string{
		`DELETE FROM balances WHERE ` + some,
		`UPDATE balances SET balance = balance + 1, ` + later("last_at", "1 day") + ` WHERE ` + some,
		`UPDATE balances SET ` + later("first_at", "1 hour") + ` WHERE ` + some,
		`INSERT INTO balances SELECT 1000000 + n, 7, now(), 1, now() FROM generate_series(1, 5) n`,
		`DELETE FROM account_days WHERE ` + some,
		`UPDATE account_days SET sent = sent + 5, day = day - 4000 WHERE ` + some,
		`UPDATE activity_hours SET volume = 0 WHERE ` + some,
		`UPDATE activity_hours SET ` + later("hour", "7 years") + ` WHERE ` + some,
		`DELETE FROM activity_hours WHERE ` + some,
		`UPDATE flow_hours SET source = source || 'x' WHERE ` + some,
		`UPDATE flow_hours SET volume = volume + 3 WHERE ` + some,
		`TRUNCATE flow_hours`,
		`UPDATE flow_largest SET transactions = trim_array(transactions, 1), volumes = trim_array(volumes, 1) WHERE ` + some,
		`UPDATE flow_largest SET day = day + 9000, to_kind = 'system' WHERE ` + some,
		`DELETE FROM flow_largest WHERE ` + some,
		`UPDATE item_hours SET high = NULL, close = close + 1, sales = 0 WHERE ` + some,
		`DELETE FROM item_hours WHERE ` + some,
		`UPDATE trader_days SET volume = volume + 1 WHERE ` + some,
		`DELETE FROM price_days WHERE ` + some,
		`UPDATE counterparty_days SET high = high + 1000 WHERE ` + some,
		`UPDATE item_offer_hours SET best_ask = 1, ` + later("hour", "-3 years") + ` WHERE ` + some,
		`INSERT INTO day_snapshots (day, supply, holders) VALUES ('2001-02-03', 4, 5)`,
	}
}

// On random ledgers, whatever is damaged, and while batches are appended, Repair
// makes the rollups what the record adds up to.
func TestRepairMendsAnyDamageBesideAppends(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	for run := range uint64(3) {
		t.Run(fmt.Sprintf("-ledger.seed=%d", seed+run), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed+run, 9))
			db := testkit.Postgres(t)
			l := ledger.New(db)
			g := &generator{Rand: random, midnight: time.Now().UTC().Truncate(24 * time.Hour)}
			batches := g.batches(40)
			write := func(batches []ledger.Batch) {
				for _, b := range batches {
					if _, err := l.Append(t.Context(), b); err != nil {
						t.Error(err)
					}
				}
			}
			write(batches[:20])
			const damaged = `SELECT add_months(ARRAY(SELECT DISTINCT date_trunc('month', (day - 4000)::timestamp)::date FROM account_days))`
			if _, err := db.Exec(t.Context(), damaged); err != nil {
				t.Fatal(err)
			}
			damage := damages(random)
			random.Shuffle(len(damage), func(i, j int) { damage[i], damage[j] = damage[j], damage[i] })
			for _, sql := range damage[:1+random.IntN(len(damage))] {
				// A row may have taken the place of another one by now.
				if _, err := db.Exec(t.Context(), sql); err != nil && !strings.Contains(err.Error(), "23505") {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			var appends sync.WaitGroup
			appends.Go(func() { write(batches[20:]) })
			if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
				t.Fatal(err)
			}
			appends.Wait()
			wantSound(t, l)
			wantNoTrace(t, db)
			again, err := l.Repair(t.Context(), ledger.Repair{})
			if err != nil || len(again.Rows) != 0 {
				t.Errorf("a second repair mended %v, %v, want nothing", again.Rows, err)
			}
		})
	}
}

func wantNoTrace(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	wantRows(t, db, `SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'repair\_%' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'accounts'::regclass)), (SELECT count(*) FROM repairs)`, "0 0")
}

// A repair that was cut off goes on where it was, and does not read again what it
// has read.
func TestAnInterruptedRepairGoesOn(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	fillTransactions(t, l, 25_000) // a part has 20,000
	// Where a ledger was filled a moment ago Postgres may still take it for an empty one, and
	// compare all with all when it is verified.
	if _, err := db.Exec(t.Context(), `ANALYZE; UPDATE balances SET balance = 0; DELETE FROM account_days`); err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var read int64
	_, err := l.Repair(ctx, ledger.Repair{Progress: func(p ledger.RepairProgress) {
		if read = p.Done; read >= 20_000 {
			kill()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("an interrupted repair returned %v", err)
	}
	first := int64(0)
	done, err := l.Repair(t.Context(), ledger.Repair{Progress: func(p ledger.RepairProgress) {
		if first == 0 {
			first = p.Done
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !done.Resumed || first <= read {
		t.Errorf("resumed %t, began to read at %d, want it to go on after %d", done.Resumed, first, read)
	}
	wantSound(t, l)
	wantNoTrace(t, db)
}

// What an account gains in a part of the record need not fit in 64 bits, nor its
// balance where a part ends, though its balance does in the end.
func TestARepairReadsSumsThatPass64Bits(t *testing.T) {
	const most = math.MaxInt64 - 10
	there := func(ref string) ledger.Transaction {
		return transaction(ref, noon, ledger.Posting{"mint", -most}, ledger.Posting{"bob", most})
	}
	back := func(ref string) ledger.Transaction {
		return transaction(ref, noon, ledger.Posting{"bob", -most}, ledger.Posting{"mint", most})
	}
	db := testkit.Postgres(t)
	l := ledger.New(db)
	// The first part has 20,000 transactions and ends within a batch, where bob has
	// three times the most.
	fillTransactions(t, l, 19_997)
	first, last := village(), village()
	first.Transactions = []ledger.Transaction{there("a"), there("b"), there("c"), back("d"), back("e")}
	last.Transactions = []ledger.Transaction{back("f"), back("g"), there("h")}
	appended(t, l, first, last)
	if _, err := db.Exec(t.Context(), `UPDATE balances SET balance = 7`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Repair(t.Context(), ledger.Repair{}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT balance FROM balances JOIN accounts ON id = account WHERE ref = 'bob'`, "0")
	wantSound(t, l)
}

// fillTransactions writes transactions between a few accounts.
func fillTransactions(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	b := village()
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Minute / 2)
		b.Transactions = append(b.Transactions,
			ledger.Transaction{Origin: "test", Ref: fmt.Sprint(i), At: at, Source: "x",
				Postings: []ledger.Posting{{"town", -7}, {"ann", 4}, {"bakery", 3}}})
	}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// An account that is made an issuer leaves a ledger as if it had always been one,
// and readers see the old ledger or the new one.
func TestAnIssuerChangesForAllOfThePast(t *testing.T) {
	seed := rand.Uint64()
	for _, change := range []ledger.IssuerChange{{Account: "court", Issuer: true}, {Account: "town", Issuer: false}, {Account: "mint", Issuer: false}, {Account: "ann", Issuer: true}} {
		t.Run(fmt.Sprint(change, " seed ", seed), func(t *testing.T) {
			ours, theirs := testkit.Postgres(t), testkit.Postgres(t)
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 4)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
			batches := g.batches(20)
			for _, b := range batches {
				if _, err := ledger.New(ours).Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				for i := range b.Accounts {
					if b.Accounts[i].Ref == change.Account {
						b.Accounts[i].Issuer = &change.Issuer
					}
				}
				if _, err := ledger.New(theirs).Append(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			listening := listen(t, ours)
			ctx, stop := context.WithCancel(t.Context())
			var watching sync.WaitGroup
			watching.Go(func() { watchSupply(ctx, t, ours) })
			_, err := ledger.New(ours).Repair(t.Context(), ledger.Repair{Issuer: &change})
			stop()
			watching.Wait()
			if err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{
				`SELECT ref, issuer FROM accounts ORDER BY ref COLLATE "C"`, `SELECT * FROM flow_hours f ORDER BY f::text`,
				`SELECT * FROM activity_hours ORDER BY 1`,
			} {
				if diff := cmp.Diff(rowsOf(t, theirs, query), rowsOf(t, ours, query)); diff != "" {
					t.Errorf("%s (-always +changed):\n%s", query, diff)
				}
			}
			wantSound(t, ledger.New(ours))
			if c := listening.next("the change of an issuer"); !slices.Equal(c.Tags, ledger.Tags()) {
				t.Errorf("the change has the tags %v, want all", c.Tags)
			}
		})
	}
}

// Whatever is appended meanwhile, after a change of the time zone the ledger is what
// it had been in that zone from the start.
func TestTheTimeZoneChangesForAllOfThePast(t *testing.T) {
	seed := rand.Uint64()
	for _, zone := range []string{"America/New_York", "Australia/Sydney", "UTC"} {
		t.Run(fmt.Sprint(zone, " seed ", seed), func(t *testing.T) {
			ours, theirs := testkit.Postgres(t), testkit.Postgres(t)
			for db, zone := range map[*pgxpool.Pool]string{ours: "Europe/Berlin", theirs: zone} {
				if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: zone}); err != nil {
					t.Fatal(err)
				}
			}
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 5)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
			batches := g.batches(60)
			write := func(db *pgxpool.Pool, batches []ledger.Batch) {
				for _, b := range batches {
					if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
						t.Error(err)
					}
				}
			}
			write(theirs, batches)
			write(ours, batches[:20])
			listening := listen(t, ours)
			var appends sync.WaitGroup
			appends.Go(func() { write(ours, batches[20:]) })
			_, err := ledger.New(ours).Repair(t.Context(), ledger.Repair{Timezone: zone})
			appends.Wait()
			if err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{
				`SELECT timezone FROM settings`,
				`SELECT ref, day::text, received, sent, d.postings FROM account_days d JOIN accounts ON id = account ORDER BY ref COLLATE "C", day`,
			} {
				if diff := cmp.Diff(rowsOf(t, theirs, query), rowsOf(t, ours, query)); diff != "" {
					t.Errorf("%s (-always +changed):\n%s", query, diff)
				}
			}
			wantSound(t, ledger.New(ours))
			wantNoTrace(t, ours)
			for c := listening.next("the change of the time zone"); !slices.Equal(c.Tags, ledger.Tags()); {
				c = listening.next("the change of the time zone") // others are those of appends
			}
		})
	}
}

func TestATimeZoneIsRefusedThatWasBetweenTheHours(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Chama"}); err != nil {
		t.Fatal(err)
	}
	b := grant()
	b.Transactions[0].At = time.Date(1940, 1, 1, 12, 0, 0, 0, time.UTC)
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{
		"Africa/Nairobi": "at 1940-01-01T12:00:00Z the ledger's time zone Africa/Nairobi was +02:45 from UTC",
		"Asia/Kolkata":   "the time zone Asia/Kolkata is +05:30 from UTC",
		"Berlin":         "unknown time zone",
	} {
		if _, err := l.Repair(t.Context(), ledger.Repair{Timezone: zone}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a change to %s: %v, want %q", zone, err, want)
		}
	}
	if s, err := l.Settings(t.Context()); err != nil || s.Timezone != "UTC" {
		t.Errorf("the settings are %+v, %v, want them as they were", s, err)
	}
	wantSound(t, l)
}

// watchSupply checks that what was created less what was destroyed is the supply.
func watchSupply(ctx context.Context, t *testing.T, db *pgxpool.Pool) {
	for ctx.Err() == nil {
		var supply, created int64
		err := db.QueryRow(ctx, `
			SELECT (SELECT coalesce(sum(balance), 0)::bigint FROM balances JOIN accounts ON id = account WHERE NOT issuer),
				(SELECT coalesce(sum(CASE WHEN from_issuer THEN volume ELSE -volume END), 0)::bigint
					FROM flow_hours WHERE from_issuer <> to_issuer)`).Scan(&supply, &created)
		if err == nil && supply != created {
			t.Errorf("a reader saw a supply of %d and %d created", supply, created)
			return
		}
		pause(ctx, time.Millisecond)
	}
}

func TestARepairRefusesWhatItCannotMend(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	_, err := l.Repair(t.Context(), ledger.Repair{Issuer: &ledger.IssuerChange{Account: "nobody"}})
	if err == nil || !strings.Contains(err.Error(), `account "nobody" is unknown`) {
		t.Errorf("a change of no account: %v", err)
	}
	_, err = l.Repair(t.Context(), ledger.Repair{Progress: func(p ledger.RepairProgress) {
		_, again := l.Repair(t.Context(), ledger.Repair{})
		if !errors.Is(again, ledger.ErrRepairing) {
			t.Errorf("a second repair at once: %v, want ErrRepairing", again)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `UPDATE postings SET amount = amount + 1 WHERE amount > 0`); err != nil {
		t.Fatal(err)
	}
	_, err = l.Repair(t.Context(), ledger.Repair{})
	if err == nil || !strings.Contains(err.Error(), "the record itself is damaged") {
		t.Errorf("a repair of a record that is damaged: %v", err)
	}
}
