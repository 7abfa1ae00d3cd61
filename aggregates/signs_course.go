package aggregates

import "exchequer/ledger"

// The past of a sign is its whole days; the last day is its number now.

func (r *signReading) freshness() signCourse {
	if r.Historical {
		return signCourse{why: "not judged, because the ledger has ended"}
	}
	age := max(0, r.End.Sub(r.newest).Seconds())
	return signCourse{now: &age}
}

func (r *signReading) growth() signCourse {
	s := r.health.Supply
	if s.Before == nil || s.Before.Sign() <= 0 {
		return signCourse{why: "not available, because there was no money 30 days ago"}
	}
	c := signCourse{now: growth(*s.Before, s.Closing)}
	at := func(i int) *float64 {
		if i-signDays < r.first {
			return nil
		}
		return growth(r.daily.supply(i-signDays), r.daily.supply(i))
	}
	c.before = at(r.last - signDays)
	c.past = r.pastOf(at)
	return c
}

// growth returns what was added as a part of what there was, nil if there was
// nothing.
func growth(from, to ledger.Sum) *float64 {
	if from.Sign() <= 0 {
		return nil
	}
	g := to.Float64()/from.Float64() - 1
	return &g
}

// pastOf returns the numbers of the whole days of the range, nil for those that have
// none.
func (r *signReading) pastOf(at func(i int) *float64) (past []*float64) {
	for i := r.offset; i < r.last; i++ {
		past = append(past, at(i))
	}
	return past
}

func (r *signReading) speed() signCourse {
	v := r.health.TransferVelocity
	return signCourse{now: v.Now, before: v.Before, why: v.Why, past: r.pastOf(func(i int) *float64 {
		if i-signDays+1 < r.first {
			return nil
		}
		if v, ok := r.daily.velocity(i-signDays+1, i); ok {
			return &v
		}
		return nil
	})}
}

func (r *signReading) gini() signCourse {
	return r.measure(func(d DayMeasures) *float64 { return d.Gini })
}

func (r *signReading) top10() signCourse {
	return r.measure(func(d DayMeasures) *float64 { return d.Top10 })
}

func (r *signReading) measure(pick func(DayMeasures) *float64) signCourse {
	c := signCourse{now: pick(r.now), why: r.whyNot, past: make([]*float64, r.last-r.offset)}
	for _, d := range r.past {
		c.past[r.index(d.Day)] = pick(d)
	}
	c.before = c.past[len(c.past)-signDays]
	return c
}

func (r *signReading) activeHolders() signCourse {
	at := func(i int) *float64 { // a week has 7 days of the ledger
		if i-6 < r.first {
			return nil
		}
		n := float64(r.week[i])
		return &n
	}
	now := float64(r.week[r.last])
	return signCourse{now: &now, before: at(r.last - signDays), past: r.pastOf(at)}
}

// newHolders leaves the ledger's first day out of the past: on that day all holders
// are new.
func (r *signReading) newHolders() signCourse {
	at := func(i int) *float64 {
		if from := i - signDays + 1; from < 0 || from <= r.long.index(r.First) {
			return nil
		}
		n := float64(r.joinedUntil(i))
		return &n
	}
	now := float64(r.joinedUntil(r.last))
	return signCourse{now: &now, before: at(r.last - signDays), past: r.pastOf(at)}
}

// joinedUntil returns how many holders were new on the day and on the 29 before it.
func (r *signReading) joinedUntil(i int) (n int64) {
	for j := max(0, i-signDays+1); j <= i; j++ {
		n += r.joined[j]
	}
	return n
}

func (r *signReading) breadth() signCourse {
	m := r.market
	if m.now.items == 0 && m.before.items == 0 {
		return signCourse{why: "not available, because nothing was sold in 60 days"}
	}
	now, before := float64(m.now.items), float64(m.before.items)
	c := signCourse{now: &now}
	if m.reaches {
		c.before = &before
	}
	return c
}

func (r *signReading) leader() signCourse {
	m := r.market
	c := signCourse{now: part(m.now.largest, m.now.volume)}
	if c.now == nil {
		return signCourse{why: "not available, because nothing was sold in 30 days"}
	}
	if m.reaches {
		c.before = part(m.before.largest, m.before.volume)
	}
	return c
}

// part returns a part of a whole, nil if that is not above zero.
func part(of, whole ledger.Sum) *float64 {
	if whole.Sign() <= 0 {
		return nil
	}
	p := of.Float64() / whole.Float64()
	return &p
}

func (r *signReading) publicPurse() signCourse {
	if r.offices == 0 {
		return signCourse{why: "not available, because the government has no account"}
	}
	at := func(i int) *float64 {
		if i < r.first {
			return nil
		}
		return part(r.purse(i), r.daily.supply(i))
	}
	c := signCourse{now: at(r.last), before: at(r.last - signDays), past: r.pastOf(at)}
	if c.now == nil {
		c.why = whyNoSupply
	}
	return c
}
