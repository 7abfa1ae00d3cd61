package views

import (
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

func TestWhatIsSaidOfTheAgeOfTheData(t *testing.T) {
	at := time.Date(2026, 3, 1, 14, 3, 20, 0, time.UTC)
	source := func(age time.Duration, failing bool) aggregates.FollowedSource {
		seconds := age.Seconds()
		return aggregates.FollowedSource{Complete: &at, Age: &seconds, Failing: failing}
	}
	for name, c := range map[string]struct {
		sources []aggregates.FollowedSource
		want    string
	}{
		"none":                      {nil, ""},
		"in step":                   {[]aggregates.FollowedSource{source(2*time.Second, false)}, ""},
		"failed just now":           {[]aggregates.FollowedSource{source(20*time.Second, true)}, ""},
		"late":                      {[]aggregates.FollowedSource{source(2*time.Minute, false)}, "The data are as of 14:03, 1 Mar 2026: reading their source is late."},
		"away, beside one in step":  {[]aggregates.FollowedSource{source(time.Second, false), source(time.Hour, true)}, "The data are as of 14:03, 1 Mar 2026: their source cannot be read."},
		"read for the first time":   {[]aggregates.FollowedSource{{}}, "The data are not complete: their source is being read for the first time."},
		"not reached ever":          {[]aggregates.FollowedSource{{Failing: true}}, "The data are not here yet: their source cannot be read."},
		"one away, another is read": {[]aggregates.FollowedSource{{}, source(time.Hour, true)}, "The data are as of 14:03, 1 Mar 2026: their source cannot be read."},
	} {
		if got := BehindOf(&aggregates.Followed{Sources: c.sources}).words(ledger.Settings{}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
