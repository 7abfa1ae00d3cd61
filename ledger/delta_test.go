package ledger

import "testing"

func TestHoursBeforeTheEpochAreRoundedDown(t *testing.T) {
	for at, want := range map[int64]int64{0: 0, 1: 0, -1: -1, -hourMicros: -1, -hourMicros - 1: -2, hourMicros: 1} {
		if got := floor(at, hourMicros); got != want {
			t.Errorf("floor(%d) = %d, want %d", at, got, want)
		}
	}
}
