package aggregates

import (
	"cmp"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"exchequer/ledger"
)

// Appraisal is what a list of items is worth.
type Appraisal struct {
	Basis
	Lines  []AppraisedLine `json:"lines" nullable:"false" doc:"In the order of the list. Lines that name one item are one."`
	Buy    AppraisedSum    `json:"buy" doc:"At the cheapest asks."`
	Sell   AppraisedSum    `json:"sell" doc:"At the best bids."`
	Median AppraisedSum    `json:"median" doc:"At the prices of sales."`
	// List is the list as it was understood, one entry a line.
	List []Wanted `json:"-"`
	// Text is the list to go on with, as somebody would paste it.
	Text string `json:"-"`
	// Example is a list of the items that are traded most.
	Example []Wanted `json:"-"`
	// Unaddressed reports whether the list is too long for an address.
	Unaddressed bool `json:"-"`
	// Known is how many items there are.
	Known int64 `json:"-"`
}

// AppraisedLine is a line of the list. If something is wrong with it, it is part of
// no sum.
type AppraisedLine struct {
	ID       string      `json:"id" doc:"Of the item; empty if it is not clear which is meant."`
	Name     string      `json:"name" doc:"Of the item, or as it was written."`
	Group    string      `json:"group"`
	Amount   int64       `json:"amount" doc:"Pieces; 0 if the amount cannot be read."`
	Ask      *BestOffer  `json:"ask" doc:"The cheapest offer to sell that stands."`
	Bid      *BestOffer  `json:"bid" doc:"The best offer to buy that stands."`
	Price    *Price      `json:"price" doc:"Of the item's sales; null: it is not known which item is meant."`
	AtBuy    *ledger.Sum `json:"atBuy" doc:"The amount at the price of a piece of the ask, however much it has; minor units."`
	AtSell   *ledger.Sum `json:"atSell" doc:"At the bid, however much it takes."`
	AtMedian *ledger.Sum `json:"atMedian" doc:"At the price of its sales."`
	Problem  string      `json:"problem" enum:",unknown,several,amount" doc:"What is wrong with the line: no item by this name, several, or an amount that cannot be."`
	Why      string      `json:"why" doc:"The same as a sentence; empty if nothing is wrong."`
	Choices  []Named     `json:"choices" nullable:"false" doc:"Items that may be meant."`
	Others   int         `json:"others" doc:"How many more."`
	// Entry is the place in the list of what is wrong.
	Entry int `json:"-"`
}

// AppraisedSum is the value of a list.
type AppraisedSum struct {
	Sum     ledger.Sum `json:"sum" doc:"Minor units."`
	Lines   int64      `json:"lines" doc:"How many count."`
	LeftOut []string   `json:"leftOut" nullable:"false" doc:"The names of those that do not: nobody offers them, they were never sold, or something is wrong with them."`
}

// What may be wrong with a line.
const (
	LineUnknown = "unknown"
	LineSeveral = "several"
	LineAmount  = "amount"
)

// The limits of what is suggested for a line.
const (
	mostNear    = 3
	mostSeveral = 5
)

// Appraise returns what a list is worth at these prices. The matcher is theirs.
func Appraise(all *AllPrices, m *Matcher, list []Wanted) *Appraisal {
	a := &Appraisal{Basis: all.Basis, Lines: []AppraisedLine{}, List: list, Known: all.Count}
	for _, sum := range []*AppraisedSum{&a.Buy, &a.Sell, &a.Median} {
		sum.LeftOut = []string{}
	}
	if len(list) == 0 {
		a.Example = exampleList(all.Items)
	}
	at := map[*QuotedItem]int{}
	for n, w := range list {
		line, item := readWanted(w, n, m)
		if all.Count > int64(len(all.Items)) && line.Problem == LineUnknown {
			line.Why = "None of the " + strconv.Itoa(len(all.Items)) + " items that are looked through has this name; this ledger has more."
		}
		if item == nil {
			a.Lines = append(a.Lines, line)
			continue
		}
		i, known := at[item]
		switch {
		case !known:
			at[item] = len(a.Lines)
			a.Lines = append(a.Lines, line)
		case a.Lines[i].Amount+line.Amount > MostPieces:
			line.wrong(LineAmount, "With the other lines of this item, the amount is more than 1,000,000,000.")
			a.Lines = append(a.Lines, line)
		default:
			a.Lines[i].Amount += line.Amount
		}
	}
	for n := range a.Lines {
		l := &a.Lines[n]
		l.value()
		a.Buy.add(l.AtBuy, l.Name)
		a.Sell.add(l.AtSell, l.Name)
		a.Median.add(l.AtMedian, l.Name)
	}
	a.Text = a.text(m)
	return a
}

// readWanted returns the line of an entry, and its item unless something is wrong.
func readWanted(w Wanted, entry int, m *Matcher) (AppraisedLine, *QuotedItem) {
	line := AppraisedLine{Name: w.Name, Choices: []Named{}, Entry: entry}
	n, why := w.pieces()
	line.Amount = n
	items := m.Find(w.Name)
	switch {
	case len(items) == 0:
		line.wrong(LineUnknown, "No item has this name.")
		line.suggest(m.Near(w.Name, mostNear))
		return line, nil
	case len(items) > 1:
		line.wrong(LineSeveral, "Several items have this name.")
		line.Others = max(0, len(items)-mostSeveral)
		line.suggest(items[:min(len(items), mostSeveral)])
		return line, nil
	}
	item := items[0]
	line.ID, line.Name, line.Group, line.Ask, line.Bid, line.Price = item.ID, item.Name, item.Group, item.Ask, item.Bid, &item.Price
	if why != "" {
		line.wrong(LineAmount, why)
		return line, nil
	}
	return line, item
}

func (l *AppraisedLine) wrong(problem, why string) { l.Problem, l.Why = problem, why }

func (l *AppraisedLine) suggest(items []*QuotedItem) {
	for _, i := range items {
		l.Choices = append(l.Choices, Named{i.ID, i.Name})
	}
}

// value sets what the line is worth, unless something is wrong with it.
func (l *AppraisedLine) value() {
	if l.Problem != "" {
		return
	}
	at := func(o *BestOffer) *ledger.Sum {
		if o == nil {
			return nil
		}
		sum := piecesAt(l.Amount, o.Price, o.Batch)
		return &sum
	}
	l.AtBuy, l.AtSell = at(l.Ask), at(l.Bid)
	if l.Price.Value != nil {
		sum := roundedTimes(*l.Price.Value, l.Amount)
		l.AtMedian = &sum
	}
}

// piecesAt returns what pieces cost at the price of a batch, rounded once.
func piecesAt(pieces, price, batch int64) ledger.Sum {
	whole, rest := pieces/batch, pieces%batch
	high, low := bits.Mul64(uint64(rest), uint64(price)) // neither is negative
	part, left := bits.Div64(high, low, uint64(batch))
	if left >= uint64(batch)-left {
		part++
	}
	return ledger.Product(whole, price).Plus(ledger.SumOf(int64(part)))
}

// roundedTimes returns x times n, rounded once. Neither is negative.
func roundedTimes(x float64, n int64) ledger.Sum {
	product := new(big.Float).SetPrec(256).SetFloat64(x)
	product.Mul(product, new(big.Float).SetInt64(n))
	whole, _ := product.Add(product, big.NewFloat(0.5)).Int(nil)
	var sum ledger.Sum
	_ = sum.ScanNumeric(pgtype.Numeric{Int: whole, Valid: true}) // fits: 2^63 × 10^9 at most
	return sum
}

func (s *AppraisedSum) add(value *ledger.Sum, name string) {
	if value == nil {
		s.LeftOut = append(s.LeftOut, name)
		return
	}
	s.Sum = s.Sum.Plus(*value)
	s.Lines++
}

// text returns the list as somebody would paste it: with names where they mean the
// item, else with refs.
func (a *Appraisal) text(m *Matcher) string {
	var b strings.Builder
	for _, l := range a.Lines {
		w := a.List[l.Entry]
		line := w.Name
		if w.Amount != "" {
			line = w.Name + "\t" + w.Amount
		}
		if l.Problem == "" {
			amount := strconv.FormatInt(l.Amount, 10)
			line = amount + " " + l.Name
			if readLine(line, m) != (Wanted{l.Name, amount}) || len(m.Find(l.Name)) != 1 || m.Find(l.Name)[0].ID != l.ID {
				line = l.ID + "\t" + amount
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Fixed returns the list with another ref for one of its entries.
func (a *Appraisal) Fixed(entry int, ref string) []Wanted {
	list := slices.Clone(a.List)
	list[entry].Name = ref
	return list
}

// exampleAmounts are those of an example.
var exampleAmounts = []string{"64", "32", "16", "8", "1"}

// exampleList returns a list of the items that were sold most often of late: by the
// shortest basis of their price, since that has 5 sales, then by its sales.
func exampleList(items []QuotedItem) []Wanted {
	var sold []*QuotedItem
	for n := range items {
		if items[n].Price.Value != nil {
			sold = append(sold, &items[n])
		}
	}
	basis := func(i *QuotedItem) int { return slices.Index(priceBases, ParseDays(i.Price.Basis)) }
	slices.SortFunc(sold, func(a, b *QuotedItem) int {
		return cmp.Or(cmp.Compare(basis(a), basis(b)), cmp.Compare(b.Price.Sales, a.Price.Sales), cmp.Compare(a.ID, b.ID))
	})
	var list []Wanted
	for n, i := range sold[:min(len(sold), len(exampleAmounts))] {
		list = append(list, Wanted{i.ID, exampleAmounts[n]})
	}
	return list
}

// Table has one row a line.
func (a *Appraisal) Table() Table {
	t := Table{Columns: []Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"group", "Group", Text}, {"amount", "Amount", Count},
		{"buy", "Buy, minor units a piece", Ratio}, {"buy_seen", "Offer to sell seen", Instant},
		{"sell", "Sell, minor units a piece", Ratio}, {"sell_seen", "Offer to buy seen", Instant},
		{"median", "Median, minor units a piece", Ratio}, {"basis", "Days of its sales", Text}, {"sales", "Sales", Count},
		{"confidence", "Confidence", Text}, {"last_at", "Last sold", Instant},
		{"at_buy", "Value at buy", Money}, {"at_sell", "Value at sell", Money}, {"at_median", "Value at median", Money}, {"problem", "Problem", Text},
	}}
	for _, l := range a.Lines {
		row := make([]any, len(t.Columns))
		row[0], row[1], row[2], row[16] = l.Name, l.ID, l.Group, l.Why
		if l.Amount > 0 {
			row[3] = l.Amount
		}
		if l.Ask != nil {
			row[4], row[5] = l.Ask.Piece(), l.Ask.Seen
		}
		if l.Bid != nil {
			row[6], row[7] = l.Bid.Piece(), l.Bid.Seen
		}
		if p := l.Price; p != nil && p.Value != nil {
			row[8], row[9], row[10], row[11] = *p.Value, p.Basis, p.Sales, string(p.Confidence)
			if p.LastAt != nil {
				row[12] = *p.LastAt
			}
		}
		for n, sum := range []*ledger.Sum{l.AtBuy, l.AtSell, l.AtMedian} {
			if sum != nil {
				row[13+n] = *sum
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
