package aggregates

import (
	"cmp"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

func (r record) checkFlow(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days) {
	t.Helper()
	s := r.span(w, days)
	want := &Flow{Basis: basisOf(s)}
	sources := map[string]*SourceFlow{}
	paid, received := map[ledger.Kind]ledger.Sum{}, map[ledger.Kind]ledger.Sum{}
	for _, tx := range r.transactions {
		if tx.At.Before(s.Start) || !tx.At.Before(s.End) {
			continue
		}
		sum, created, destroyed := record{r.accounts, []ledger.Transaction{tx}}.moved(s.Start, s.End)
		of := sources[tx.Source]
		if of == nil {
			of = &SourceFlow{Source: tx.Source}
			sources[tx.Source] = of
		}
		of.Volume = of.Volume.Plus(sum.Volume)
		of.Created = of.Created.Plus(created)
		of.Destroyed = of.Destroyed.Plus(destroyed)
		want.Transfers.Now = want.Transfers.Now.Plus(sum.Transfers)
		net := map[string]int64{}
		for _, p := range tx.Postings {
			net[p.Account] += p.Amount
		}
		for ref, n := range net {
			if kind := r.accounts[ref].Kind; n < 0 {
				paid[kind] = paid[kind].Add(-n)
			} else {
				received[kind] = received[kind].Add(n)
			}
		}
	}
	for _, of := range sources {
		if of.Volume.Sign() == 0 {
			continue // nothing moved: a transaction to oneself
		}
		want.Sources = append(want.Sources, *of)
		want.Volume.Now = want.Volume.Now.Plus(of.Volume)
		want.Created.Now = want.Created.Now.Plus(of.Created)
		want.Destroyed.Now = want.Destroyed.Now.Plus(of.Destroyed)
	}
	slices.SortFunc(want.Sources, func(a, b SourceFlow) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Source, b.Source))
	})
	if before, ok := s.previous(); ok {
		sum, created, destroyed := r.moved(before.Start, before.End)
		want.Volume.Before, want.Transfers.Before, want.Created.Before, want.Destroyed.Before =
			&sum.Volume, &sum.Transfers, &created, &destroyed
	}
	got, err := ComputeFlow(t.Context(), db, w, days)
	if err != nil {
		t.Fatal(err)
	}
	// How several payers' money is shared out is the ledger's own matter; that
	// each kind paid and received what it did is ours.
	for _, f := range got.Kinds {
		paid[f.From] = paid[f.From].Minus(f.Volume)
		received[f.To] = received[f.To].Minus(f.Volume)
	}
	for _, kind := range ledger.Kinds() {
		if paid[kind].Sign() != 0 || received[kind].Sign() != 0 {
			t.Errorf("flow of %s days: %s paid %s and received %s more than the flows say", days.Key(), kind, paid[kind], received[kind])
		}
	}
	got.Kinds = nil
	r.checkEdges(t, s, got)
	got.Edges, want.Holders = nil, int64(len(r.ofAll(s.End)))
	compare(t, "flow", days, want, got, nil)
}

// ofAll returns the sums of all holders.
func (r record) ofAll(end time.Time) []int64 {
	sums, _ := r.holdings(PopulationAll, end)
	return sums
}

// checkEdges compares what each party paid and received by each source with a scan.
func (r record) checkEdges(t *testing.T, s span, got *Flow) {
	t.Helper()
	type side struct {
		Party
		source string
		paid   bool
	}
	want, sums := map[side]ledger.Sum{}, map[side]ledger.Sum{}
	for _, tx := range r.transactions {
		if tx.At.Before(s.Start) || !tx.At.Before(s.End) {
			continue
		}
		for ref, n := range (record{r.accounts, []ledger.Transaction{tx}}).balances(s.End) {
			if n != 0 {
				of := side{Party{r.accounts[ref].Kind, r.issues(ref)}, tx.Source, n < 0}
				want[of] = want[of].Add(max(n, -n))
			}
		}
	}
	for _, e := range got.Edges {
		from, to := side{e.From, e.Source, true}, side{e.To, e.Source, false}
		sums[from], sums[to] = sums[from].Plus(e.Volume), sums[to].Plus(e.Volume)
	}
	if !maps.Equal(want, sums) {
		t.Errorf("the edges of %s days add up to %v, want %v", s.Days.Key(), sums, want)
	}
}

func (r record) checkHealth(t *testing.T, db *pgxpool.Pool, w cache.Window, days Days, sales []ledger.Sale) {
	t.Helper()
	s := r.span(w, days)
	sum, created, destroyed := r.moved(s.Start, s.End)
	sold := func(start, end time.Time) (total ledger.Sum) {
		for _, sale := range within(sales, start, end) {
			if sale.Quantity > 0 && sale.Total > 0 {
				total = total.Add(sale.Total)
			}
		}
		return total
	}
	want := &Health{
		Basis:  basisOf(s),
		Supply: SupplyAccount{Opening: r.supply(s.Start), Created: created, Destroyed: destroyed, Closing: r.supply(s.End), Holds: true},
	}
	ratio := func(moved ledger.Sum, start, end time.Time) *float64 {
		if average := r.averageSupply(start, end); average > 0 {
			return pointerTo(moved.Float64() / average)
		}
		return nil
	}
	want.TransferVelocity.Now, want.GoodsVelocity.Now = ratio(sum.Transfers, s.Start, s.End), ratio(sold(s.Start, s.End), s.Start, s.End)
	if want.TransferVelocity.Now == nil {
		want.TransferVelocity.Why, want.GoodsVelocity.Why = whyNoSupply, whyNoSupply
	}
	if before, ok := s.previous(); ok {
		moved, _, _ := r.moved(before.Start, before.End)
		want.Supply.Before = pointerTo(r.supply(before.End))
		want.TransferVelocity.Before = ratio(moved.Transfers, before.Start, before.End)
		want.GoodsVelocity.Before = ratio(sold(before.Start, before.End), before.Start, before.End)
	}
	last := map[string]time.Time{} // of holders
	for _, tx := range r.transactions {
		for _, p := range tx.Postings {
			a := r.accounts[p.Account]
			if !r.issues(p.Account) && (a.Archived.IsZero() || a.Archived.After(s.End)) && !tx.At.Before(last[a.Holder]) {
				last[a.Holder] = tx.At
			}
		}
	}
	want.Holders = int64(len(last))
	for _, days := range []int{1, 7, 30} {
		active := ActiveShare{Days: days}
		for _, at := range last {
			if !at.Before(s.Today.Add(-time.Duration(days-1) * day)) {
				active.Holders++
			}
		}
		active.Share = pointerTo(float64(active.Holders) / float64(len(last)))
		want.Active = append(want.Active, active)
	}
	got, err := ComputeHealth(t.Context(), db, w, days)
	compare(t, "health", days, want, got, err)
}
