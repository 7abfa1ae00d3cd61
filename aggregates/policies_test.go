package aggregates_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/ledger"
)

// policies are those of all memos as they are by themselves.
func policies(t *testing.T) []cache.NamedPolicy {
	t.Helper()
	c := cache.New(cache.Deps{Store: cache.NewMemory()})
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	aggregates.NewEconomy(c, nil)
	aggregates.NewAPI(c, nil)
	aggregates.NewSoundnessMemos(context.Background(), c, nil, nil)
	alerts.NewFeed(c, nil)
	return c.Policies()
}

func TestTheDocumentedPoliciesAreThoseInForce(t *testing.T) {
	text, err := os.ReadFile("../docs/cache.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Policies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := regexp.MustCompile("(?m)^\\| `.*$").FindAllString(section, -1)
	var want []string
	for _, p := range policies(t) {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", p.Memo, strings.Join(p.Tags, ", "),
			words(p.Window.Duration()), words(p.Soft.Duration()), words(p.Hard.Duration()), words(p.Timeout.Duration())))
	}
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("docs/cache.md, against what is in force: %s", diff)
	}
}

// words writes a duration as the documents do.
func words(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return fmt.Sprintf("%d s", d/time.Second)
	}
}

// What every append touches is computed again with every append: that is for
// memos that are cheap.
func TestOnlyCheapMemosAreInvalidatedByWrites(t *testing.T) {
	var touched []string
	for _, p := range policies(t) {
		for _, tag := range ledger.Tags() {
			if strings.Contains(" "+strings.Join(p.Tags, " ")+" ", " "+tag+" ") {
				touched = append(touched, p.Memo+" by "+tag)
			}
		}
	}
	want := []string{"events by events", "profile by transactions", "profile by sales", "profile by accounts", "profile by shops", "stats by transactions", "stats by accounts"}
	if diff := cmp.Diff(want, touched); diff != "" {
		t.Error(diff)
	}
}
