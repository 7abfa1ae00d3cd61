package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// fillSearch is what a search looks in: 120,000 accounts whose names have few
// syllables, so that many are alike, as many holders, 5,000 items, 20,000 shops and
// 200,000 transactions.
const fillSearch = `
	CREATE FUNCTION word(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
		SELECT ('{Apple,Ash,Barley,Birch,Black,Bram,Bright,Brook,Cald,Clay,Cold,Dun,Elder,Fair,Fen,Fox,Frost,Gold,Green,Hart,Holl,Honey,Horn,Kings,Lind,Long,Marsh,May,Merry,Moor}'::text[])[1 + n % 30]
			|| ('{bank,beck,bourne,bury,by,combe,croft,dale,den,field,ford,gate,ham,hurst,ley,low,mere,mont,more,shaw,stead,stone,ton,wald,water,well,wick,wood,worth,yard}'::text[])[1 + n / 30 % 30]
	$$;
	INSERT INTO accounts (id, ref, kind, name, holder, opened, issuer)
		SELECT n, 'p:' || md5(n::text), 'personal', CASE WHEN n % 2 = 0 THEN word(n / 900) || ' ' || word(n * 7) || ' ' || n / 810000 ELSE 'player_' || lpad(n::text, 6, '0') END, 'u:' || n, now(), false
		FROM generate_series(1, 120000) n;
	INSERT INTO holders SELECT holder, name || ' ' || word(id), 'person', '', '', id % 50 = 0 FROM accounts;
	INSERT INTO account_names SELECT id, 'Formerly ' || word(id), now() FROM accounts WHERE id % 10 = 0;
	INSERT INTO merges SELECT id, id - 1 FROM accounts WHERE id % 100 = 0;
	INSERT INTO balances SELECT id, id, now(), 1 FROM accounts;
	INSERT INTO items (id, ref, name) SELECT n, 'minecraft:' || lower(word(n)) || n, word(n) || ' ' || word(n * 31) FROM generate_series(1, 5000) n;
	INSERT INTO shops (id, ref, place, owner, active, seen, world) SELECT n, 's' || n, word(n) || ' Row ' || n, n, true, now(), 'overworld' FROM generate_series(1, 20000) n;
	INSERT INTO places SELECT 'overworld', word(n) || ' ' || n, n, n, 'town' FROM generate_series(1, 900) n;
	INSERT INTO transactions SELECT n, '2026-01-01'::timestamptz + n * interval '1 second', 'trade', 'paid for ' || word(n), 'town', 't-' || n FROM generate_series(1, 200000) n;
	INSERT INTO refs SELECT ref, origin, 't', id FROM transactions;
	INSERT INTO refs SELECT 't-1-sale-' || n, 'town', 's', n FROM generate_series(1, 200000) n;`

// BenchmarkSearch looks for texts among 120,000 accounts: the budget is 50 ms each,
// with pg_trgm and without. Those that begin nothing, and those that are like very
// many names, cost the most.
func BenchmarkSearch(b *testing.B) {
	db := testkit.Postgres(b)
	for _, sql := range []string{fillSearch, `VACUUM ANALYZE`} {
		if _, err := db.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	texts := map[string]string{
		"exact": "player_000777", "begins": "play", "letter": "p", "ref": "p:c4ca4238a0b923820dcc509a6f75849b", "contains": "tingham", "many": "layer_0",
		"typo": "Applebnak Birchdal", "typo-of-many": "plaxer_000777", "nothing": "zzyzx quux", "transaction": "t-1999", "item": "goldstone",
		"punctuation": "---",
	}
	for _, with := range []string{"trigrams", "without"} {
		if with == "without" {
			if _, err := db.Exec(b.Context(), `DROP EXTENSION pg_trgm CASCADE`); err != nil {
				b.Fatal(err)
			}
		}
		for name, text := range texts {
			b.Run(with+"/"+name, func(b *testing.B) { search(b, db, text) })
		}
	}
}

func search(b *testing.B, db *pgxpool.Pool, text string) {
	l := ledger.New(db)
	var took []time.Duration
	var found *ledger.Hits
	run := func() {
		var err error
		if found, err = l.Search(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	run()
	for b.Loop() {
		took = append(took, timed(run))
	}
	b.ReportMetric(ms(median(took)), "ms/search")
	b.ReportMetric(0, "ns/op")
	if found.Cut {
		b.Log("cut")
	}
	for _, g := range found.Groups {
		b.Log(g.What, len(g.Hits), fmt.Sprint(g.Hits[0].Said, "/", g.Hits[0].Match))
	}
}
