package alerts

import (
	"time"

	"exchequer/views"
)

// The states of a rule about something, apart from those of indicators, whose states are
// their own.
const (
	armed  = "armed" // it does not hold
	firing = "firing"
)

// A state is what is known of a rule about a thing.
type state struct {
	State          string // empty: the thing was not seen yet
	Since          time.Time
	Candidate      string // another state, which has not lasted yet
	CandidateSince *time.Time
	AsOf           time.Time // of the value that was read last
}

// An observation is what a rule sees of a thing.
type observation struct {
	subject string    // of the rule: a ref, or the name of an indicator or a source
	state   string    // empty: nothing can be said
	why     string    // then
	asOf    time.Time // of the value
	tell    func(from string) views.Told
	names   []string // refs of accounts that are named in what is told
}

// step returns the state after an observation, and whether an alert is due; from is
// then the state before.
func (r Rule) step(was state, o observation, now time.Time) (is state, from string, alert bool) {
	is = was
	if o.state == "" || o.asOf.Before(was.AsOf) {
		return is, "", false
	}
	is.AsOf = o.asOf
	if was.State == "" {
		is.State, is.Since = armed, now
		if meanings[r.Kind].edge {
			is.State = o.state
		}
	}
	if o.state == is.State {
		is.Candidate, is.CandidateSince = "", nil
		return is, "", false
	}
	if is.Candidate != o.state {
		is.Candidate, is.CandidateSince = o.state, &now
	}
	if now.Sub(*is.CandidateSince) < r.Lasts {
		return is, "", false
	}
	from = is.State
	is.State, is.Since, is.Candidate, is.CandidateSince = o.state, now, "", nil
	return is, from, o.state != armed || r.Recovery
}

// holds reports whether a number is beyond a limit. If it was, it has to go back by a
// part of the limit until it no longer is, so that a number at the limit makes one alert
// and not many.
func holds(value, limit, rearm float64, above, was bool) bool {
	switch {
	case above && was:
		return value > limit*(1-rearm)
	case above:
		return value > limit
	case was:
		return value < limit*(1+rearm)
	}
	return value < limit
}

func stateOf(holds bool) string {
	if holds {
		return firing
	}
	return armed
}
