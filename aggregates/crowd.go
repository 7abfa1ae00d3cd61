package aggregates

// How many holders numbers are of, for those who show no numbers of few.

// Crowd returns how many holders there are; zero means that there are no numbers.
func (v *Overview) Crowd() int64 { return v.Holders }

// Crowd is as that of [Overview].
func (v *Inequality) Crowd() int64 { return v.Holders }

// Crowd is as that of [Overview].
func (v *Ladder) Crowd() int64 { return v.Holders }

// Crowd is as that of [Overview].
func (v *AccountPlace) Crowd() int64 { return v.Holders }

// Crowd returns how many holders there were when they were fewest, from the first day with
// any.
func (v *History) Crowd() (least int64) {
	for _, p := range v.Points {
		if p.Holders > 0 && (least == 0 || p.Holders < least) {
			least = p.Holders
		}
	}
	return least
}

// Crowd returns how many holders of public accounts there are.
func (v *Government) Crowd() int64 { return v.UnitCount }

// Crowd returns how many firms there are.
func (v *Firms) Crowd() int64 { return v.Count }

// WithoutFirms returns the report without what single firms sold, as it was told and as
// it was corrected.
func (r *Report) WithoutFirms() *Report {
	rest := *r
	rest.Numbers.Firms = []MonthFirm{}
	rest.Errata = []Erratum{}
	for _, e := range r.Errata {
		if e.What != "firm" {
			rest.Errata = append(rest.Errata, e)
		}
	}
	return &rest
}
