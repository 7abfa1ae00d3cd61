package ledger

import "testing"

func TestTheOldestTimeIsADate(t *testing.T) {
	for _, date := range []string{"", "1066", "14/10/1066", "0000-12-31", "1066-02-30", "-0001-01-01"} {
		if got, err := ParseOldest(date); err == nil {
			t.Errorf("ParseOldest(%q) = %v, want an error", date, got)
		}
	}
}
