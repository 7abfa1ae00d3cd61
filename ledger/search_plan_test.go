package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// A search costs the same however many accounts there are: no query of it scans a
// table, whatever the text is, with pg_trgm and without.
func TestASearchGoesByIndexes(t *testing.T) {
	testkit.NotOnCitus(t, "the plan of a node is not in that of the coordinator")
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts (id, ref, kind, name, holder, opened, issuer)
			SELECT n, 'p:' || md5(n::text), 'personal', 'Player ' || n, 'u:' || n, now(), false FROM generate_series(1, 16000) n;
		INSERT INTO holders SELECT holder, name || ' ' || md5(name), 'person', '', '', id % 50 = 0 FROM accounts;
		INSERT INTO account_names SELECT id, 'Formerly ' || md5(name), now() FROM accounts;
		INSERT INTO merges SELECT id, id - 1 FROM accounts WHERE id % 100 = 0;
		INSERT INTO balances SELECT id, id, now(), 1 FROM accounts;
		INSERT INTO items (id, ref, name) SELECT n, 'minecraft:' || n, 'Item ' || md5(n::text) FROM generate_series(1, 12000) n;
		INSERT INTO shops (id, ref, place, owner, active, seen, world) SELECT n, 's' || n, md5(n::text) || ' Row ' || n, n, true, now(), 'overworld' FROM generate_series(1, 12000) n;
		INSERT INTO places SELECT 'overworld', md5(n::text) || ' ' || n, n, n, 'town' FROM generate_series(1, 8000) n;
		INSERT INTO transactions SELECT n, '2026-01-01'::timestamptz + n * interval '1 second', 'trade', 'paid for ' || n, 'town', 't-' || n FROM generate_series(1, 12000) n;
		INSERT INTO refs SELECT ref, origin, 't', id FROM transactions;`
	for _, sql := range []string{fill, `VACUUM ANALYZE`} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), prepareSearch, alikeEnough); err != nil {
			return err
		}
		for _, text := range []string{"player 777", "pla", "layer 7", "plaxer 777", "zzyzx", "t-199"} {
			s := newSearch(text, MostHits+1)
			explain := func(what, query string) {
				began := time.Now()
				rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF) "+query, s.args)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				plan := strings.Join(lines, "\n")
				for _, table := range []string{"accounts", "account_names", "holders", "items", "shops", "places", "transactions", "refs", "merges", "balances"} {
					if strings.Contains(plan, "Seq Scan on "+table) {
						t.Errorf("%q, %s scans %s:\n%s", text, what, table, plan)
					}
				}
				t.Logf("%q, %s: %v", text, what, time.Since(began).Round(100*time.Microsecond))
			}
			explain("transactions by ref", transactionsByRef)
			explain("transactions by text", transactionsByText)
			explain("holders of accounts", holderByAccounts)
			for _, of := range shelves {
				explain(of.what+" that begin", of.find(MatchBegins, true, MostHits+1))
				explain(of.what+" that contain", of.find(MatchContains, true, MostHits+1))
				explain(of.what+" that contain, without trigrams", of.find(MatchContains, false, MostHits+1))
				explain(of.what+" alike", of.find(MatchSimilar, true, MostHits+1))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
