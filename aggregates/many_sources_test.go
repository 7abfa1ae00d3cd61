package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// mostRows is a tracer of queries, and the most rows that one returned.
type mostRows struct{ atomic.Int64 }

func (*mostRows) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (m *mostRows) TraceQueryEnd(_ context.Context, _ *pgx.Conn, end pgx.TraceQueryEndData) {
	for n := end.CommandTag.RowsAffected(); ; {
		if most := m.Load(); n <= most || m.CompareAndSwap(most, n) {
			return
		}
	}
}

// A paid is a payment of a source from one account to another.
type paid struct {
	source   string
	from, to string
	at       time.Time
	amount   int64
}

// bySources adds up the payments that pick chooses, and sorts the sums, largest first,
// ties by name.
func bySources(all []paid, pick func(paid) bool) (names []string, sums map[string]ledger.Sum) {
	sums = map[string]ledger.Sum{}
	for _, p := range all {
		if pick(p) {
			sums[p.source] = sums[p.source].Add(p.amount)
		}
	}
	names = slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Or(sums[b].Compare(sums[a]), cmp.Compare(a, b)) })
	return names, sums
}

func sumOver(names []string, sums map[string]ledger.Sum) (sum ledger.Sum) {
	for _, name := range names {
		sum = sum.Plus(sums[name])
	}
	return sum
}

// Writers name sources as they like: one that names a new one in each transaction must not
// fill the memory of the program. The database adds up what is not listed.
func TestOfManySourcesTheLargestAreListedAndTheOthersAddedUp(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	now := at(t, "03-11 10:30")
	b := ledger.Batch{}
	for ref, kind := range map[string]ledger.Kind{"mint": ledger.System, "town": ledger.Government, "ann": ledger.Personal, "bob": ledger.Personal, "shop": ledger.Business} {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: kind, Opened: at(t, "01-01 00:00")})
	}
	var all []paid
	refs := []string{"mint", "town", "ann", "bob", "shop"}
	for i := range 1500 {
		p := paid{at: now.Add(-time.Duration(random.IntN(68*24)) * time.Hour).Add(-time.Minute), amount: 1 + random.Int64N(4)} // many are equal
		p.source = fmt.Sprint([]string{"a", "B", "é", "z"}[random.IntN(4)], random.IntN(60))
		pair := random.Perm(len(refs))
		p.from, p.to = refs[pair[0]], refs[pair[1]]
		all = append(all, p)
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: fmt.Sprint(i), At: p.at, Source: p.source,
			Postings: []ledger.Posting{{Account: p.from, Amount: -p.amount}, {Account: p.to, Amount: p.amount}}})
	}
	db := testkit.Postgres(t)
	appendBatch(t, db, b)
	rows := &mostRows{}
	config := db.Config()
	config.ConnConfig.Tracer = rows
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := windowAt(now)
	created := func(p paid) bool { return p.from == "mint" }
	destroyed := func(p paid) bool { return p.to == "mint" }

	t.Run("flow", func(t *testing.T) {
		got, err := ComputeFlow(t.Context(), db, w, Days(0))
		if err != nil {
			t.Fatal(err)
		}
		names, volumes := bySources(all, func(paid) bool { return true })
		_, in := bySources(all, created)
		_, out := bySources(all, destroyed)
		want := &Flow{Sources: []SourceFlow{}}
		for _, name := range names[:50] {
			want.Sources = append(want.Sources, SourceFlow{name, volumes[name], in[name], out[name]})
		}
		rest := names[50:]
		want.Others = OtherSources{int64(len(rest)), sumOver(rest, volumes), sumOver(rest, in), sumOver(rest, out)}
		compare(t, "sources", Days(0), want.Sources, got.Sources, nil)
		compare(t, "others", Days(0), want.Others, got.Others, nil)
		if got.Volume.Now != sumOver(names, volumes) || got.Created.Now != sumOver(names, in) || got.Destroyed.Now != sumOver(names, out) {
			t.Errorf("moved %s, created %s, destroyed %s", got.Volume.Now, got.Created.Now, got.Destroyed.Now)
		}
		edges := map[string]ledger.Sum{}
		for _, e := range got.Edges {
			edges[e.Source] = edges[e.Source].Plus(e.Volume)
		}
		if len(edges) != 51 || edges[""] != want.Others.Volume || edges[names[49]] != volumes[names[49]] {
			t.Errorf("the edges are of %d sources, of those that are not listed %s, want %s", len(edges), edges[""], want.Others.Volume)
		}
	})

	t.Run("bridge", func(t *testing.T) {
		got, err := ComputeBridge(t.Context(), db, w, Days(0))
		if err != nil {
			t.Fatal(err)
		}
		_, in := bySources(all, created)
		_, out := bySources(all, destroyed)
		var steps []BridgeStep
		for source, sum := range in {
			steps = append(steps, BridgeStep{source, sum})
		}
		for source, sum := range out {
			steps = append(steps, BridgeStep{source, sum.Neg()})
		}
		slices.SortFunc(steps, func(x, y BridgeStep) int {
			return cmp.Or(magnitude(y.Change).Compare(magnitude(x.Change)), cmp.Compare(x.Source, y.Source), y.Change.Compare(x.Change))
		})
		var others BridgeOthers
		for _, step := range steps[50:] {
			others.add(step)
		}
		compare(t, "steps", Days(0), InOrder(steps[:50]), got.Steps, nil)
		compare(t, "other steps", Days(0), others, got.Others, nil)
		if got.Unexplained.Sign() != 0 {
			t.Errorf("unexplained: %s", got.Unexplained)
		}
	})

	// drawn says of each source, and of the others together, how much it is.
	drawn := func(names []string, sums map[string]ledger.Sum) (s []SourceMonths) {
		for _, name := range names[:sourcesDrawn] {
			s = append(s, SourceMonths{name, 1, []ledger.Sum{sums[name]}})
		}
		rest := names[sourcesDrawn:]
		return append(s, SourceMonths{"", len(rest), []ledger.Sum{sumOver(rest, sums)}})
	}
	together := func(all []SourceMonths) (s []SourceMonths) {
		for _, of := range all {
			s = append(s, SourceMonths{of.Source, of.Sources, []ledger.Sum{SourceWeeks{Weeks: of.Months}.Total()}})
		}
		return s
	}

	t.Run("government", func(t *testing.T) {
		got, err := ComputeGovernment(t.Context(), db, w, 30)
		if err != nil {
			t.Fatal(err)
		}
		income := func(p paid) bool { return p.to == "town" }
		spending := func(p paid) bool { return p.from == "town" }
		since := got.Start
		names, _ := bySources(all, func(p paid) bool { return !p.at.Before(since) && (income(p) || spending(p)) })
		want := map[string]Exchange{}
		for _, p := range all {
			switch {
			case p.at.Before(since):
			case income(p):
				want[p.source] = want[p.source].Plus(Exchange{Received: sumOf(p.amount), Number: 1})
			case spending(p):
				want[p.source] = want[p.source].Plus(Exchange{Sent: sumOf(p.amount), Number: 1})
			}
		}
		listed, others := []SourceExchange{}, Exchange{}
		for i, name := range names {
			if i < mostSides {
				listed = append(listed, SourceExchange{name, want[name]})
			} else {
				others = others.Plus(want[name])
			}
		}
		compare(t, "sources", 30, listed, got.Sources, nil)
		compare(t, "other sources", 30, others, got.OtherSources, nil)
		compare(t, "income", 30, drawn(bySources(all, income)), together(got.Income), nil)
		compare(t, "spending", 30, drawn(bySources(all, spending)), together(got.Spending), nil)
	})

	t.Run("health", func(t *testing.T) {
		got, err := ComputeSoundness(t.Context(), db, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "created", 90, drawn(bySources(all, created)), together(inMonths(got.Created)), nil)
		compare(t, "destroyed", 90, drawn(bySources(all, destroyed)), together(inMonths(got.Destroyed)), nil)
	})

	// 51 sources between 20 pairs are the most that any of them has to read.
	if n := rows.Load(); n > 51*20 {
		t.Errorf("a query returned %d rows", n)
	}
}
