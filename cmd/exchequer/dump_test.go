package main

import (
	"testing"

	"exchequer/web"
)

func TestWhatADumpMayHaveFollowsTheMode(t *testing.T) {
	for _, c := range []struct {
		mode                    web.Privacy
		private, whole, refused bool
	}{
		{web.Open, false, true, false}, {web.Open, true, true, false}, {web.Balances, false, false, false},
		{web.Balances, true, true, false}, {web.Closed, false, false, true}, {web.Closed, true, true, false},
	} {
		whole, err := dumpFlags{c.mode, c.private}.whole()
		if whole != c.whole || (err != nil) != c.refused {
			t.Errorf("%s, private %v: whole = %v, %v", c.mode, c.private, whole, err)
		}
	}
}
