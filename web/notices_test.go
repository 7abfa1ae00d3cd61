package web

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
)

// Every page says how old the data are while a source is away, and no longer.
func TestPagesSayHowOldTheDataAreWhileASourceIsAway(t *testing.T) {
	tn := sampled(sample.Town(30))
	var away atomic.Bool
	tn.followed = func(_ context.Context, w cache.Window, _ aggregates.NoParams) (*aggregates.Followed, error) {
		age := 1.0
		if away.Load() {
			age = 7200
		}
		complete := w.Start.Add(-time.Duration(age) * time.Second)
		return &aggregates.Followed{Sources: []aggregates.FollowedSource{{Name: "survival", Complete: &complete, Age: &age, Failing: away.Load()}}}, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		said := func() (with, without int) {
			for _, p := range pages {
				open(p.address())
				doc := parse(t, open(p.address()).Body.String())
				if notices := doc.Find(".notices"); notices.Length() == 0 {
					without++
				} else if with++; !strings.Contains(notices.Text(), "The data are as of ") || strings.Contains(notices.Text(), "survival") {
					t.Errorf("%s says %q", p.Path, notices.Text())
				}
			}
			return with, without
		}
		if with, _ := said(); with > 0 {
			t.Errorf("%d pages say that the data are old", with)
		}
		away.Store(true)
		time.Sleep(time.Minute)
		open("/economy") // which reads it anew
		if _, without := said(); without > 0 {
			t.Errorf("%d pages do not say how old the data are", without)
		}
		away.Store(false)
		time.Sleep(time.Minute)
		open("/economy")
		if with, _ := said(); with > 0 {
			t.Errorf("%d pages still say that the data are old", with)
		}
	})
}

func TestPagesOfWealthSayThatBalancesAreAllThatIsKnown(t *testing.T) {
	tn := sampled(sample.Town(30))
	profile := aggregates.Full()
	profile.BalancesOnly = true
	tn.profile = constant[aggregates.NoParams](profile)
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, pages []*page) {
		for _, p := range pages {
			open(p.address())
			if got := strings.Contains(parse(t, open(p.address()).Body.String()).Find(".notices").Text(), "who paid whom is not known"); got != p.Wealth {
				t.Errorf("%s says so: %t, want %t", p.Path, got, p.Wealth)
			}
		}
	})
}
