package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// scannedLargest goes through all transactions of the source, and sorts what each
// moved between two parties.
func scannedLargest(t *testing.T, db *pgxpool.Pool, s span, q SourceQuery) []LargeMove {
	t.Helper()
	type net struct {
		id     int64
		move   LargeMove
		on     MoveSide
		amount int64
	}
	rows, _ := db.Query(t.Context(), `
		SELECT t.id, t.at, t.message, t.origin, t.ref, a.ref, a.name, a.kind, a.issuer, sum(amount)::bigint
		FROM transactions t JOIN postings p ON p.transaction = t.id JOIN accounts a ON a.id = account
		WHERE source = $1 AND t.at >= $2 AND t.at < $3 GROUP BY t.id, a.id HAVING sum(amount) <> 0 ORDER BY t.id`, q.Source, s.Start, plus(s.Today, 1))
	nets, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n net, err error) {
		err = row.Scan(&n.id, &n.move.At, &n.move.Message, &n.move.Origin, &n.move.Ref, &n.on.ID, &n.on.Name, &n.on.Kind, &n.on.Issuer, &n.amount)
		return n, err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := []LargeMove{}
	for len(nets) > 0 {
		of := nets[:1]
		for len(of) < len(nets) && nets[len(of)].id == nets[0].id {
			of = nets[:len(of)+1]
		}
		nets = nets[len(of):]
		sides := [2]map[Party][]net{{}, {}}
		sums := [2]map[Party]int64{{}, {}}
		for _, n := range of {
			side := 0
			if n.amount > 0 {
				side = 1
			}
			sides[side][n.on.Party] = append(sides[side][n.on.Party], n)
			sums[side][n.on.Party] += max(n.amount, -n.amount)
		}
		for pair, volume := range scannedShares(sums[0], sums[1]) {
			if (q.From != Party{} && q.From != pair[0]) || (q.To != Party{} && q.To != pair[1]) {
				continue
			}
			m := of[0].move
			m.Volume = ledger.SumOf(volume)
			for i, to := range []*MoveSide{&m.Payer, &m.Receiver} {
				*to = MoveSide{Party: pair[i], Several: true}
				if accounts := sides[i][pair[i]]; len(accounts) == 1 {
					*to = accounts[0].on
				}
			}
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b LargeMove) int {
		if byVolume := b.Volume.Compare(a.Volume); byVolume != 0 || a.Ref != b.Ref {
			return byVolume
		}
		key := func(m LargeMove) string {
			return fmt.Sprint(m.Payer.Kind, " ", m.Payer.Issuer, " ", m.Receiver.Kind, " ", m.Receiver.Issuer)
		}
		return cmp.Compare(key(a), key(b))
	})
	return all[:min(10, len(all))]
}

// scannedShares shares what parties paid over what parties received.
func scannedShares(paid, received map[Party]int64) map[[2]Party]int64 {
	flows := map[[2]Party]int64{}
	left := int64(0)
	for _, r := range received {
		left += r
	}
	for _, from := range Parties() {
		rest := paid[from]
		if rest == 0 {
			continue
		}
		type part struct {
			to        Party
			whole     int64
			remainder *big.Int
		}
		var parts []part
		for _, to := range Parties() {
			product := new(big.Int).Mul(big.NewInt(paid[from]), big.NewInt(received[to]))
			whole, remainder := product.QuoRem(product, big.NewInt(left), new(big.Int))
			parts = append(parts, part{to, whole.Int64(), remainder})
			rest -= whole.Int64()
		}
		slices.SortStableFunc(parts, func(a, b part) int { return b.remainder.Cmp(a.remainder) })
		for i, p := range parts {
			if int64(i) < rest {
				p.whole++
			}
			if p.whole > 0 {
				flows[[2]Party{from, p.to}] += p.whole
				received[p.to] -= p.whole
			}
		}
		left -= paid[from]
	}
	return flows
}

// Who paid and who received is named as everywhere: by the account into which it is
// merged, and not at all if the holder is hidden.
func TestTheLargestTransactionsNameNoHiddenHolder(t *testing.T) {
	db := testkit.Postgres(t)
	pay := func(ref string, postings ...ledger.Posting) ledger.Transaction {
		return ledger.Transaction{Origin: "test", Ref: ref, At: at(t, "03-11 10:00"), Source: "gift", Message: "for " + ref, Postings: postings}
	}
	var crowd []ledger.Posting
	for range 600 {
		crowd = append(crowd, ledger.Posting{Account: "ann", Amount: -1}, ledger.Posting{Account: "bob", Amount: 1})
	}
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Name: "Ann"}, {Ref: "ann2", Kind: ledger.Personal, Name: "Ann's purse"},
			{Ref: "bob", Kind: ledger.Personal, Name: "Bob"}, {Ref: "eve", Kind: ledger.Personal, Name: "Eve", Holder: "evil"}, {Ref: "eve2", Kind: ledger.Business, Name: "Eve's", Holder: "evil"}},
		Merges:  []ledger.Merge{{Account: "ann2", Into: "ann"}},
		Holders: []ledger.Holder{{Ref: "evil", Name: "Evelyn", Hidden: true}},
		Transactions: []ledger.Transaction{
			pay("1", ledger.Posting{Account: "ann2", Amount: -900}, ledger.Posting{Account: "bob", Amount: 900}),
			pay("2", ledger.Posting{Account: "eve", Amount: -800}, ledger.Posting{Account: "bob", Amount: 800}),
			pay("3", ledger.Posting{Account: "ann", Amount: -200}, ledger.Posting{Account: "ann2", Amount: -500}, ledger.Posting{Account: "eve2", Amount: 700}),
			pay("4", crowd...),
			pay("5", ledger.Posting{Account: "eve", Amount: -300}, ledger.Posting{Account: "ann", Amount: -200}, ledger.Posting{Account: "bob", Amount: 500}),
		},
	})
	v, err := ComputeSource(t.Context(), db, windowAt(at(t, "03-11 10:30")), SourceQuery{Source: "gift", Days: 7})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range v.LargestTable().Rows {
		got = append(got, fmt.Sprint(row[1:7]...))
	}
	want := []string{
		fmt.Sprint("ann", "Ann", "bob", "Bob", ledger.SumOf(900), "for 1"),
		fmt.Sprint("", ledger.HiddenName, "bob", "Bob", ledger.SumOf(800), "for 2"),
		fmt.Sprint("ann", "Ann", "", ledger.HiddenName, ledger.SumOf(700), "for 3"),
		fmt.Sprint("", "several", "", "several", ledger.SumOf(600), "for 4"),
		fmt.Sprint("", "several", "bob", "Bob", ledger.SumOf(500), "for 5"),
	}
	if !slices.Equal(got, want) {
		t.Errorf("the largest are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Where the tables are large, the largest transactions are found by indexes.
func TestTheLargestTransactionsAreReadByIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(1, 20000) n;
		INSERT INTO transactions SELECT n, timestamptz '2026-03-11 10:00Z' - n * interval '10 minutes', 's' || n % 50, '', 'o', n::text FROM generate_series(1, 60000) n;
		INSERT INTO postings (account, at, transaction, seq, amount) SELECT n % 9999 + 1 + seq, timestamptz '2026-03-11 10:00Z' - n * interval '10 minutes', n, seq, seq * 2 - 1
			FROM generate_series(1, 60000) n, generate_series(0, 1) seq;
		INSERT INTO flow_largest SELECT 's' || n % 50, (timestamptz '2026-03-11 10:00Z' - n * interval '10 minutes')::date, 'personal', false, 'personal', false, array_agg(n), array_agg(n)
			FROM generate_series(1, 60000) n GROUP BY 1, 2;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	s := spanOf(windowAt(at(t, "03-11 10:30")), 30, at(t, "01-01 00:00"), at(t, "03-11 10:00"))
	for _, q := range []SourceQuery{{Source: "s7", Days: 30}, {Source: "s7", From: Party{Kind: ledger.Personal}, To: Party{Kind: ledger.Personal}, Days: 30}} {
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			p := &planned{Tx: tx}
			all, err := readLargest(context.WithoutCancel(t.Context()), p, s, q)
			if len(all) != ledger.MostLargest || len(p.plans) != 3 {
				t.Errorf("%d transactions by %d queries", len(all), len(p.plans))
			}
			for _, plan := range p.plans {
				if strings.Contains(plan, "Seq Scan on") && !strings.Contains(plan, "Seq Scan on merges") && !strings.Contains(plan, "Seq Scan on holders") {
					t.Errorf("a table is scanned:\n%s", plan)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
