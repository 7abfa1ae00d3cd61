package views

import (
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// Behind is how far what is here is behind the sources that are followed. The zero value
// is not at all.
type Behind struct {
	Since   time.Time // to the minute: what is here is as old; zero: nothing is complete yet
	Failing bool      // a source cannot be read
	Reading bool      // a source is being read for the first time
}

// BehindOf returns how far behind the ledger is.
func BehindOf(v *aggregates.Followed) (b Behind) {
	for _, s := range v.Sources {
		switch {
		case s.Age == nil:
			b.Reading, b.Failing = true, b.Failing || s.Failing
		case *s.Age > late.Seconds():
			b.Failing = b.Failing || s.Failing
			if since := s.Complete.UTC().Truncate(time.Minute); b.Since.IsZero() || since.Before(b.Since) {
				b.Since = since
			}
		}
	}
	return b
}

// words says how old the data are, nothing if they are in step.
func (b Behind) words(s ledger.Settings) string {
	why := ": reading their source is late."
	if b.Failing {
		why = ": their source cannot be read."
	}
	switch {
	case !b.Since.IsZero():
		return "The data are as of " + local(b.Since, s).Format("15:04") + ", " + Date(b.Since, s) + why
	case b.Reading && b.Failing:
		return "The data are not here yet" + why
	case b.Reading:
		return "The data are not complete: their source is being read for the first time."
	}
	return ""
}
