package ledger

import (
	"testing"
	"time"
)

func FuzzParseCursor(f *testing.F) {
	f.Add("1700000000000000.5.1")
	f.Add(End().String())
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			return
		}
		if again, err := ParseCursor(c.String()); err != nil || !again.At.Equal(c.At) || again.Transaction != c.Transaction || again.Seq != c.Seq {
			t.Errorf("%q is read as %v, and its text as %v, %v", s, c, again, err)
		}
	})
}

func TestACursorIsReadAsItWasWritten(t *testing.T) {
	c := Cursor{At: time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC), Transaction: 12, Seq: 3}
	if got, err := ParseCursor(c.String()); err != nil || got != c {
		t.Errorf("ParseCursor(%q) = %v, %v", c, got, err)
	}
}
