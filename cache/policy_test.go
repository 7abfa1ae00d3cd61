package cache_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/cache"
)

func TestPoliciesAreReadFromOneLine(t *testing.T) {
	got, err := cache.ParsePolicies(" stats=window:10s,timeout:5s; economy.overview=window:60s , soft:2m, hard:1h ;")
	want := map[string]cache.Policy{
		"stats":            {Window: 10 * time.Second, Timeout: 5 * time.Second},
		"economy.overview": {Window: time.Minute, Soft: 2 * time.Minute, Hard: time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if none, err := cache.ParsePolicies(""); len(none) != 0 || err != nil {
		t.Errorf("ParsePolicies of nothing = %v, %v", none, err)
	}
}

func TestAPolicyThatCannotBeReadSaysWhatCan(t *testing.T) {
	for text, want := range map[string]string{
		"stats":                       "write it as memo=limit:duration",
		"=window:10s":                 "write it as memo=limit:duration",
		"stats=":                      "there are window, soft, hard and timeout",
		"stats=windw:10s":             `no limit "windw": there are window, soft, hard and timeout`,
		"stats=window":                `"" is not a duration such as 30s`,
		"stats=window:10":             `"10" is not a duration such as 30s`,
		"stats=window:-10s":           "it can be 1s to 24h",
		"stats=window:0s":             "it can be 1s to 24h",
		"stats=window:1ms":            "it can be 1s to 24h",
		"stats=timeout:1h":            "it can be 100ms to 10m",
		"stats=window:10s,window:20s": "window is set twice",
		"a=soft:10s;a=hard:20s":       "a has one already",
	} {
		if got, err := cache.ParsePolicies(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParsePolicies(%q) = %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestPoliciesThatDoNotFitTheMemosAreReported(t *testing.T) {
	for name, test := range map[string]struct {
		policies map[string]cache.Policy
		want     []string // in the error; none: no error
	}{
		"a longer window":              {map[string]cache.Policy{"number": {Window: time.Hour}}, nil},
		"a memo that is not there":     {map[string]cache.Policy{"numbr": {Window: time.Hour}}, []string{`"numbr"`, "item, number"}},
		"soft below the memo's window": {map[string]cache.Policy{"number": {Soft: time.Second}}, []string{`"number"`, "soft limit 1s is below the window of 30s"}},
		"hard below soft":              {map[string]cache.Policy{"item": {Hard: time.Second}}, []string{`"item"`, "hard limit 1s is below"}},
		"two mistakes":                 {map[string]cache.Policy{"item": {Hard: time.Second}, "x": {}}, []string{`"item"`, `"x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var s source
			c := open(t, cache.Deps{Policies: test.policies})
			s.memo(c)
			s.items(c)
			err := c.CheckPolicies()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("CheckPolicies() = %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("CheckPolicies() = %v, want %q in it", err, want)
				}
			}
		})
	}
}

// While a deploy changes the length of a memo's windows, processes of both
// lengths run side by side.
func TestProcessesWithDifferentWindowsDoNotDisturbEachOther(t *testing.T) {
	store := cache.NewMemory()
	var s source
	short := s.memo(open(t, cache.Deps{Store: store, Policies: map[string]cache.Policy{"number": {Window: time.Second}}}))
	long := s.memo(open(t, cache.Deps{Store: store, Policies: map[string]cache.Policy{"number": {Window: 100 * time.Hour}}}))
	get(t, short, One{})
	first := get(t, long, One{})
	time.Sleep(1100 * time.Millisecond)
	get(t, short, One{})
	for range 100 {
		if r := get(t, long, One{}); r != first {
			t.Fatalf("the longer window has another value: %v", r)
		}
	}
}

func FuzzParsePolicies(f *testing.F) {
	f.Add("stats=window:10s,timeout:5s;economy.overview=window:60s")
	f.Fuzz(func(t *testing.T, text string) {
		policies, err := cache.ParsePolicies(text)
		for memo, p := range policies {
			if err != nil || memo == "" || p == (cache.Policy{}) || p.Window < 0 || p.Soft < 0 || p.Hard < 0 || p.Timeout < 0 {
				t.Errorf("ParsePolicies(%q) = %v, %v", text, policies, err)
			}
		}
	})
}

func TestPoliciesAreOverriddenByNameAndListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{Policies: map[string]cache.Policy{"number": {Window: time.Minute, Soft: 2 * time.Minute, Timeout: time.Second}}})
		m := s.memo(c)
		want := []cache.NamedPolicy{{
			Memo: "number", Tags: []string{"ledger"}, Window: 60, Soft: 120, Hard: 7 * 24 * 3600, Timeout: 1,
		}}
		if d := cmp.Diff(want, c.Policies()); d != "" {
			t.Error(d)
		}
		get(t, m, One{})
		time.Sleep(119 * time.Second)
		wantResult(t, get(t, m, One{}), 1, cache.Fresh, "within the soft limit")
		time.Sleep(time.Second)
		synctest.Wait()
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "past it")
	})
}
