package aggregates

import "math"

// AccountPlace is where an account's holder stands among all holders.
type AccountPlace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Basis
	Population Population `json:"population" enum:"personal,private,all" doc:"Whose balances are compared."`
	Holders    int64      `json:"holders"`
	Held       *int64     `json:"held" doc:"What the holder has in accounts of this population; null: no such account counts."`
	Richer     int64      `json:"richer" doc:"How many holders have more. With more than 1,000 holders, right to a thousandth of them."`
	Poorer     int64      `json:"poorer" doc:"How many have less."`
	Exact      bool       `json:"exact"`
	Tenth      int        `json:"tenth" doc:"1 to 10, the richest; 0: not ranked."`
	Bins       []Bin      `json:"bins" nullable:"false" doc:"Holders by balance."`
}

// PlaceOf finds the place of an account's holder by the balances of the populations,
// in the order of [Populations].
func PlaceOf(a *Account, ladders []*Ladder, all []*Inequality) *AccountPlace {
	p := &AccountPlace{ID: a.ID, Name: a.Name, Basis: a.Basis, Population: a.Population, Held: a.Held, Bins: []Bin{}}
	ladder := ladderOf(a, ladders)
	// A ladder of nobody's is of the next population.
	if p.Population, p.Holders = ladder.Population, ladder.Holders; p.Why == "" {
		p.Why = ladder.Why
	}
	if p.Held == nil || p.Holders == 0 {
		return p
	}
	stand := ladder.Find(*p.Held)
	p.Richer, p.Poorer, p.Exact, p.Tenth = stand.Richer, stand.Poorer, stand.Exact, stand.Tenth
	p.Bins = append(p.Bins, all[a.Population.index()-1].Bins...)
	return p
}

// ladderOf returns the ladder, of those of [Populations], on which the holder of an
// account stands.
func ladderOf(a *Account, ladders []*Ladder) *Ladder { return ladders[a.Population.index()-1] }

// Table has one row a range of balances.
func (p *AccountPlace) Table() Table {
	t := Table{Columns: []Column{{"from", "From", Money}, {"below", "Below", Money}, {"holders", "Holders", Count}, {"total", "What they hold", Money}, {"this", "This one", Text}}}
	for _, b := range p.Bins {
		t.Rows = append(t.Rows, []any{b.Low, b.High, b.Holders, b.Total, yesNo(p.Held != nil && b.has(*p.Held))})
	}
	return t
}

func (b Bin) has(balance int64) bool {
	return balance >= b.Low && (balance < b.High || b.High == math.MaxInt64)
}
