package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func FuzzParseCursor(f *testing.F) {
	f.Add("1700000000000000.5.1")
	f.Add(ledger.End().String())
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ledger.ParseCursor(s)
		if err != nil {
			return
		}
		if again, err := ledger.ParseCursor(c.String()); err != nil || !again.At.Equal(c.At) || again.Transaction != c.Transaction || again.Seq != c.Seq {
			t.Errorf("%q is read as %v, and its text as %v, %v", s, c, again, err)
		}
	})
}

func TestAStatementHasEveryPostingOnce(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	g := &generator{Rand: rand.New(rand.NewPCG(7, 7)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
	for _, b := range g.batches(30) {
		appendAtLast(t, l, b, g.Rand)
	}
	for _, account := range people {
		want := rowsOf(t, db, `SELECT (extract(epoch FROM at) * 1e6)::bigint || '.' || transaction || '.' || seq || ' ' || amount
			FROM postings WHERE account = (SELECT id FROM accounts WHERE ref = '`+account.Ref+`')
			ORDER BY at DESC, transaction DESC, seq DESC`)
		var got []string
		for from := ledger.End(); ; {
			lines, err := l.Statement(t.Context(), account.Ref, from, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				got = append(got, fmt.Sprint(line.Cursor, " ", line.Amount))
				from = line.Cursor
			}
			if len(lines) < 7 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("statement of %s (-scanned +read):\n%s", account.Ref, diff)
		}
	}
}
