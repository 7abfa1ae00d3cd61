package aggregates

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// unitPrice is what one piece of a sale cost.
func unitPrice(s ledger.Sale) float64 { return float64(s.Total) / float64(s.Quantity) }

// scannedPrice is the price of an item at the end of s, from all its sales.
func scannedPrice(s span, sales []ledger.Sale) Price {
	sales = slices.DeleteFunc(slices.Clone(sales), func(s ledger.Sale) bool { return !real(s) })
	var p Price
	var usual, all []ledger.Sale
	for _, days := range []Days{7, 30, 90, 365, 0} {
		from := s.First
		if days > 0 {
			from = plus(s.Today, 1-int(days))
		}
		all = within(sales, from, plus(s.Today, 1))
		if usual = scannedUsual(all); len(usual) >= 5 || days == 0 {
			p = Price{Basis: days.Key(), Sales: int64(len(usual)), Excluded: int64(len(all) - len(usual)), Confidence: None}
			break
		}
	}
	if len(usual) == 0 {
		return p
	}
	p.Value, p.Low, p.High = scannedMedian(usual), pointerTo(unitPrice(usual[0])), pointerTo(unitPrice(usual[len(usual)-1]))
	n := len(usual)
	middle := (math.Log(unitPrice(usual[(n-1)/2])) + math.Log(unitPrice(usual[n/2]))) / 2
	var distances []float64
	for _, s := range usual {
		distances = append(distances, math.Abs(math.Log(unitPrice(s))-middle))
	}
	slices.Sort(distances)
	p.Spread = pointerTo(math.Exp(distances[(n-1)/2]))
	_, _, p.Traders = traders(all)
	hours := map[time.Time][]ledger.Sale{}
	for _, sale := range within(sales, time.Time{}, s.Through) {
		hours[sale.At.UTC().Truncate(hour)] = append(hours[sale.At.UTC().Truncate(hour)], sale)
	}
	for _, of := range hours {
		low, high := math.Inf(1), math.Inf(-1)
		var last time.Time
		for _, sale := range of {
			low, high = min(low, unitPrice(sale)), max(high, unitPrice(sale))
			if sale.At.After(last) {
				last = sale.At
			}
		}
		if high >= *p.Low && low <= *p.High && (p.LastAt == nil || last.After(*p.LastAt)) {
			p.LastAt = pointerTo(last)
		}
	}
	age := s.End.Sub(*p.LastAt)
	switch {
	case p.Sales >= 5 && (p.Traders == 0 || p.Traders >= 3) && (p.Basis == "7" || p.Basis == "30") && age <= 7*day:
		p.Confidence = Firm
	case p.Sales >= 3 && age <= 90*day:
		p.Confidence = Thin
	default:
		p.Confidence = Guess
	}
	return p
}

// byItem returns the sales of each item.
func byItem(sales []ledger.Sale) map[string][]ledger.Sale {
	items := map[string][]ledger.Sale{}
	for _, s := range sales {
		items[s.Item] = append(items[s.Item], s)
	}
	return items
}

// checkPrices compares the prices of all items that were ever sold.
func checkPrices(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, name func(string) string) {
	t.Helper()
	var want []PricedItem
	for _, ref := range slices.Sorted(maps.Keys(byItem(sales))) {
		if p := scannedPrice(s, byItem(sales)[ref]); p.Value != nil {
			want = append(want, PricedItem{ID: ref, Name: name(ref), Price: p})
		}
	}
	all, err := ComputePrices(t.Context(), db, w, NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(basisOf(s), all.Basis); diff != "" {
		t.Errorf("basis of the prices (-scanned +got):\n%s", diff)
	}
	var got []PricedItem
	for _, i := range all.Items {
		if i.Price.Value != nil {
			got = append(got, i.PricedItem)
		}
	}
	compare(t, "prices", s.Days, want, got, nil)
}

// scannedCourse is what was sold of an item in each bucket, without prices far from
// the usual one.
func scannedCourse(s span, mostDays int, sales []ledger.Sale) (course []bucketSales) {
	_, buckets := s.divide(mostDays)
	sum := func(b bucket, low, high float64) (t bucketSales) {
		for _, sale := range within(sales, plus(s.Start, b.from), plus(s.Start, b.to+1)) {
			if real(sale) && unitPrice(sale) >= low && unitPrice(sale) <= high {
				t.quantity += float64(sale.Quantity)
				t.volume += float64(sale.Total)
			}
		}
		return t
	}
	var means []float64
	for _, b := range buckets {
		if t := sum(b, 0, math.Inf(1)); t.quantity > 0 {
			means = append(means, t.price())
		}
	}
	if means == nil {
		return nil
	}
	slices.Sort(means)
	usual := (means[(len(means)-1)/2] + means[len(means)/2]) / 2
	for i, b := range buckets {
		if t := sum(b, usual/10, usual*10); t.quantity > 0 {
			t.bucket = i
			course = append(course, t)
		}
	}
	return course
}

// scannedIndex is the price index, by maps of prices and quantities and by normal
// equations.
func scannedIndex(s span, sales []ledger.Sale) *PriceIndex {
	unit, buckets := s.divide(31)
	want := &PriceIndex{Bucket: unit}
	sold := make([]map[string]bucketSales, len(buckets))
	for ref, of := range byItem(sales) {
		for _, b := range scannedCourse(s, 31, of) {
			if sold[b.bucket] == nil {
				sold[b.bucket] = map[string]bucketSales{}
			}
			sold[b.bucket][ref] = b
		}
	}
	// All buckets that have an item in common belong to the same group.
	group := make([]int, len(buckets))
	for i := range group {
		group[i] = i
	}
	for j := range sold {
		for k := range sold {
			if common(sold[j], sold[k]) > 0 && group[j] != group[k] {
				old := group[k]
				for i := range group {
					if group[i] == old {
						group[i] = group[j]
					}
				}
			}
		}
	}
	compared := func(ref string, except int) bool {
		for i, of := range sold {
			if _, ok := of[ref]; ok && i != except {
				return true
			}
		}
		return false
	}
	// It is the group with the largest turnover of items that are in two buckets.
	turnovers := map[int]float64{}
	all := 0.0
	for i, of := range sold {
		for ref, t := range of {
			all += t.volume
			if compared(ref, i) {
				turnovers[group[i]] += t.volume
			}
		}
	}
	of := -1
	for i := range buckets {
		if sold[i] != nil && (of < 0 || turnovers[group[i]] > turnovers[of]) {
			of = group[i]
		}
	}
	var in []int
	met := map[string]bool{}
	for i, b := range buckets {
		p := IndexPoint{Start: b.start, Partial: b.partial}
		if sold[i] != nil {
			p.Coverage = pointerTo(0.0)
		}
		if sold[i] != nil && group[i] == of {
			in = append(in, i)
			sum, matched := 0.0, 0.0
			for ref, t := range sold[i] {
				sum += t.volume
				if compared(ref, i) {
					matched += t.volume
					met[ref] = true
					p.Items++
				}
			}
			p.Coverage = pointerTo(matched / sum)
		}
		want.Points = append(want.Points, p)
	}
	if in == nil {
		return want
	}
	want.Items = int64(len(met))
	want.Coverage = pointerTo(turnovers[of] / all)
	logs := leastSquares(sold, in)
	for n, i := range in {
		want.Points[i].Value = pointerTo(100 * math.Exp(logs[n]))
	}
	var over []int
	for n, i := range in {
		if i < len(buckets)-1 || !buckets[i].partial {
			over = append(over, n)
		}
	}
	switch {
	case len(over) > 1:
		want.Change = pointerTo(math.Exp(logs[over[len(over)-1]]) - 1)
	case len(in) > 1:
		want.Change = pointerTo(math.Exp(logs[len(in)-1]) - 1)
	}
	return want
}

// common returns how many items were sold in both buckets.
func common(j, k map[string]bucketSales) (n int) {
	for ref := range j {
		if _, ok := k[ref]; ok {
			n++
		}
	}
	return n
}

// leastSquares returns the logarithms of the index in buckets, 0 for the first one,
// which deviate least from all Fisher indices, by normal equations.
func leastSquares(sold []map[string]bucketSales, in []int) []float64 {
	n := len(in)
	rows := make([][]float64, n) // of the equations, the right side last
	for a := range rows {
		rows[a] = make([]float64, n+1)
	}
	for a, j := range in {
		for b, k := range in {
			if a == b || common(sold[j], sold[k]) == 0 {
				continue
			}
			var jj, kj, jk, kk, all float64 // prices of one, quantities of the other
			for _, t := range sold[j] {
				all += t.volume
			}
			for ref, t := range sold[k] {
				all += t.volume
				if was, ok := sold[j][ref]; ok {
					jj, kk = jj+was.volume, kk+t.volume
					kj, jk = kj+t.price()*was.quantity, jk+was.price()*t.quantity
				}
			}
			weight := (jj + kk) / all
			rows[b][b] += weight
			rows[b][a] -= weight
			rows[b][n] += weight * math.Log(math.Sqrt(kj/jj*kk/jk))
		}
	}
	rows[0] = make([]float64, n+1)
	rows[0][0] = 1
	for c := range n {
		pivot := c
		for r := c; r < n; r++ {
			if math.Abs(rows[r][c]) > math.Abs(rows[pivot][c]) {
				pivot = r
			}
		}
		rows[c], rows[pivot] = rows[pivot], rows[c]
		for r := range n {
			if r != c {
				times := rows[r][c] / rows[c][c]
				for i := range rows[r] {
					rows[r][i] -= times * rows[c][i]
				}
			}
		}
	}
	logs := make([]float64, n)
	for c := range n {
		logs[c] = rows[c][n] / rows[c][c]
	}
	return logs
}

// checkIndex compares the price index with the scanned one.
func checkIndex(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale) {
	t.Helper()
	want := scannedIndex(s, sales)
	want.Basis = basisOf(s)
	got, err := ComputePriceIndex(t.Context(), db, w, MarketQuery{Days: s.Days})
	if err != nil {
		t.Fatal(err)
	}
	sum := got.Others
	for i, c := range got.Contributions {
		sum += c.Change
		if i > 0 && math.Abs(c.Change) > math.Abs(got.Contributions[i-1].Change) {
			t.Errorf("contributions of %s days are not in order: %+v", s.Days.Key(), got.Contributions)
		}
	}
	if got.Change != nil && math.Abs(sum-*got.Change) > 1e-9 {
		t.Errorf("contributions of %s days add up to %g, want the change %g", s.Days.Key(), sum, *got.Change)
	}
	got.Contributions, got.Others = nil, 0
	compare(t, "index", s.Days, want, got, nil)
}

func checkMovers(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, sales []ledger.Sale, name func(string) string) {
	t.Helper()
	want := &Movers{Basis: basisOf(s)}
	before := s
	before.Today, before.End, before.Through = plus(s.Start, -1), s.Start, s.Start
	if want.Reaches = s.Days > 0 && s.Start.After(s.First); want.Reaches {
		for ref, of := range byItem(sales) {
			of = slices.DeleteFunc(of, func(s ledger.Sale) bool { return !real(s) })
			if len(of) == 0 {
				continue
			}
			first := slices.MinFunc(of, func(a, b ledger.Sale) int { return a.At.Compare(b.At) }).At
			last := slices.MaxFunc(of, func(a, b ledger.Sale) int { return a.At.Compare(b.At) }).At
			m := Mover{ID: ref, Name: name(ref), Now: scannedPrice(s, of), Before: scannedPrice(before, of)}
			dates := ItemDates{ID: ref, Name: m.Name, First: ledger.DayOf(first, s.zone()), Last: ledger.DayOf(last, s.zone()), Price: m.Now}
			switch {
			case !first.Before(s.Start):
				want.NewItems++
				want.New = append(want.New, dates)
			case last.Before(s.Start):
				want.OldItems++
				want.Old = append(want.Old, dates)
			}
			if m.Now.Confidence != Firm || m.Before.Confidence != Firm {
				continue
			}
			want.Compared++
			switch m.Change = *m.Now.Value / *m.Before.Value - 1; {
			case m.Change > 0:
				want.Up++
				want.Rose = append(want.Rose, m)
			case m.Change < 0:
				want.Down++
				want.Fell = append(want.Fell, m)
			}
		}
	}
	slices.SortFunc(want.Rose, func(a, b Mover) int { return cmp.Or(cmp.Compare(b.Change, a.Change), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(want.Fell, func(a, b Mover) int { return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(b.ID, a.ID)) })
	slices.SortFunc(want.New, func(a, b ItemDates) int { return cmp.Or(b.First.Compare(a.First), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(want.Old, func(a, b ItemDates) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) })
	want.Rose, want.Fell = want.Rose[:min(20, len(want.Rose))], want.Fell[:min(20, len(want.Fell))]
	want.New, want.Old = want.New[:min(20, len(want.New))], want.Old[:min(20, len(want.Old))]
	got, err := ComputeMovers(t.Context(), db, w, s.Days)
	compare(t, "movers", s.Days, want, got, err)
}
