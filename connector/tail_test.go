package connector_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A preset of payments that a program appends to a file; %s is how it is read.
const payments = `origin = "game"
engines = ["file"]
[ledger]
name = "Game"
symbol = "$"
decimals = 2
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[[streams]]
name = "payments"
read = { %s }
[streams.columns]
id = "@id"
at = "at"
payer = "payer"
payee = "payee"
amount = "amount"
[[streams.accounts]]
role = "payer"
ref = "{payer}"
kind = "personal"
[[streams.accounts]]
role = "payee"
ref = "{payee}"
kind = "personal"
[streams.transaction]
ref = "game:payments:{id}"
at = "at"
from = "payer"
to = "payee"
amount = "amount"
source = "payment"
`

const (
	asLines = `format = "lines", grows = true, pattern = '^\[(?P<at>[^\]]+)\] (?P<payer>\S+) paid (?P<payee>\S+) (?P<amount>\S+)$', ignore = 'joined the game$'`
	asCSV   = `format = "csv", grows = true`
	asJSON  = `format = "ndjson", grows = true, each = "payments"`
)

// newPreset writes a preset to a file and returns its name.
func newPreset(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "own.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// appendTo appends text to a file, which it makes if need be.
func appendTo(t testing.TB, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// rotate renames a file, long after it was last written to.
func rotate(t testing.TB, from, to string, ago time.Duration) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(to, time.Now().Add(-ago), time.Now().Add(-ago)); err != nil {
		t.Fatal(err)
	}
}

func paid(second int, payer, payee, amount string) string {
	return fmt.Sprintf("[2026-03-01 10:%02d:%02d] %s paid %s %s\n", second/60, second%60, payer, payee, amount)
}

const (
	allPayments = `SELECT concat_ws(' ', to_char(at, 'MI:SS'), (SELECT string_agg(a.ref || ' ' || p.amount, ' ' ORDER BY p.amount) FROM postings p JOIN accounts a ON a.id = p.account WHERE p.transaction = t.id)) FROM transactions t ORDER BY id`
	allRejects  = `SELECT concat_ws(' ', stream, number, reason, fields->>'@text') FROM sync_rejects ORDER BY number`
)

func TestAFileIsReadAsItGrowsOverRotation(t *testing.T) {
	db, preset, log := testkit.Postgres(t), newPreset(t, fmt.Sprintf(payments, asLines)), filepath.Join(t.TempDir(), "trade.log")
	read := func(want ...string) {
		t.Helper()
		syncOnce(t, db, preset, "file:"+log)
		if d := cmp.Diff(strings.Join(want, "\n"), lines(t, db, allPayments)); d != "" {
			t.Errorf("payments (-want +got):\n%s", d)
		}
	}
	one, two := paid(1, "ann", "bob", "1.50"), paid(2, "bob", "cid", "0.25")
	// The last line is not yet written; two lines are equal.
	appendTo(t, log, one+"ann joined the game\n"+one+two+"[2026-03-01 10:00:03] cid pa")
	wantOne, wantTwo := "00:01 ann -150 bob 150", "00:02 bob -25 cid 25"
	all := []string{wantOne, wantOne, wantTwo}
	read(all...)
	appendTo(t, log, "id ann 9.99\r\nwhat is this?\n")
	all = append(all, "00:03 cid -999 ann 999")
	read(all...)
	if got := lines(t, db, allRejects); got != "payments 6 the line does not match the pattern what is this?" {
		t.Errorf("left out: %s", got)
	}

	// Renamed, with lines that were not read yet, the last of them without an end; then once more.
	appendTo(t, log, paid(4, "ann", "bob", "4"))
	rotate(t, log, log+".2", 5*time.Hour)
	appendTo(t, log, one+paid(5, "ann", "bob", "5"))
	rotate(t, log, log+".1", 4*time.Hour)
	appendTo(t, log, paid(6, "ann", "bob", "6"))
	all = append(all, "00:04 ann -400 bob 400", "00:05 ann -500 bob 500", "00:06 ann -600 bob 600")
	read(all...)

	// Copied and truncated.
	appendTo(t, log, paid(7, "ann", "bob", "7"))
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, log+".0", string(text))
	rotate(t, log+".0", log+".00", 3*time.Hour)
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, paid(8, "ann", "bob", "8"))
	all = append(all, "00:07 ann -700 bob 700", "00:08 ann -800 bob 800")
	read(all...)

	// Replaced by another file, while what it was is gone.
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, paid(9, "ann", "bob", "9")+paid(10, "ann", "bob", "10")+paid(11, "ann", "bob", "11"))
	all = append(all, "00:09 ann -900 bob 900", "00:10 ann -1000 bob 1000", "00:11 ann -1100 bob 1100")
	read(all...)

	// Read from the start, it changes nothing.
	if _, err := db.Exec(t.Context(), `DELETE FROM sync_streams`); err != nil {
		t.Fatal(err)
	}
	read(all...)
	if got := lines(t, db, `SELECT count(*)::text FROM sync_rejects`); got != "1" {
		t.Errorf("%s lines were left out, want 1", got)
	}
	if report, err := ledger.New(db).Verify(t.Context()); err != nil || !report.OK() {
		t.Errorf("the books are damaged: %+v, %v", report, err)
	}
}

func TestAFileOfCSVAndOfJSONGrows(t *testing.T) {
	for name, c := range map[string]struct{ read, first, second string }{
		"CSV": {asCSV, "\ufeffat,payer,payee,amount,note\r\n2026-03-01 10:00:01,ann,bob,1.50,\"a \"\"note\"\"\nof two lines\"\r\n2026-03-01 10:00:02,bob,cid,0.25,\"half",
			" a note\"\r\n2026-03-01 10:00:03,cid\r\n"},
		"JSON": {asJSON, `{"at": "2026-03-01 10:00:01", "payments": [{"payer": "ann", "payee": "bob", "amount": 1.50}, {"payer": "bob", "payee": "cid", "at": "2026-03-01 10:00:02", "amount": 2.5e-1}]}` + "\n",
			"{\"payments\": []}\n{\"payments\": [\n"},
	} {
		t.Run(name, func(t *testing.T) {
			db, preset, log := testkit.Postgres(t), newPreset(t, fmt.Sprintf(payments, c.read)), filepath.Join(t.TempDir(), "payments.txt")
			appendTo(t, log, c.first)
			syncOnce(t, db, preset, "file:"+log)
			appendTo(t, log, c.second)
			syncOnce(t, db, preset, "file:"+log)
			if d := cmp.Diff("00:01 ann -150 bob 150\n00:02 bob -25 cid 25", lines(t, db, allPayments)); d != "" {
				t.Errorf("payments (-want +got):\n%s", d)
			}
			if got := lines(t, db, allRejects); strings.Count(got, "\n") != 0 || got == "" {
				t.Errorf("left out: %s", got)
			}
		})
	}
}

func TestALineThatIsTooLongIsLeftOut(t *testing.T) {
	db, preset, log := testkit.Postgres(t), newPreset(t, fmt.Sprintf(payments, asLines)), filepath.Join(t.TempDir(), "trade.log")
	appendTo(t, log, paid(1, "ann", "bob", "1.50")+strings.Repeat("x", 3<<20)+"\n"+paid(2, "bob", "cid", "0.25"))
	syncOnce(t, db, preset, "file:"+log)
	if d := cmp.Diff("00:01 ann -150 bob 150\n00:02 bob -25 cid 25", lines(t, db, allPayments)); d != "" {
		t.Errorf("payments (-want +got):\n%s", d)
	}
	if got := lines(t, db, allRejects); !strings.HasPrefix(got, "payments 2 the line is longer than 1048576 bytes xxx") || len(got) > 1200 {
		t.Errorf("left out: %.100s", got)
	}
}

// A file of many lines is read in batches, whose equal lines are told apart wherever a
// batch ends, and by another process too.
func TestALargeFileIsReadInBatches(t *testing.T) {
	db, preset, log := testkit.Postgres(t), newPreset(t, fmt.Sprintf(payments, asLines)), filepath.Join(t.TempDir(), "trade.log")
	var text strings.Builder
	for i := range 3000 {
		for range 3 {
			text.WriteString(paid(i, "ann", "bob", "0.01"))
		}
	}
	appendTo(t, log, text.String())
	syncOnce(t, db, preset, "file:"+log)
	appendTo(t, log, paid(2999, "ann", "bob", "0.01")+paid(3000, "ann", "bob", "0.01"))
	syncOnce(t, db, preset, "file:"+log)
	if got := lines(t, db, `SELECT concat_ws(' ', count(*), (SELECT sum(amount) FROM postings WHERE amount > 0)) FROM transactions`); got != "9002 9002" {
		t.Errorf("transactions and their sum: %s", got)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', rows, rejected, high, position->>'offset') FROM sync_streams`); got != fmt.Sprintf("9002 0 9002 %d", 9002*len(paid(0, "ann", "bob", "0.01"))) {
		t.Errorf("rows, rejects, lines and offset: %s", got)
	}
}

func TestWhatIsAppendedComesByItself(t *testing.T) {
	db, preset, log := testkit.Postgres(t), newPreset(t, fmt.Sprintf(payments, asLines)), filepath.Join(t.TempDir(), "trade.log")
	ctx, stop := context.WithCancel(t.Context())
	f, ended := follower(t, db, preset, "file:"+log), make(chan struct{})
	go func() {
		defer close(ended)
		f.Follow(ctx)
	}()
	defer func() { stop(); <-ended }()
	want := ""
	for i := range 3 { // the file is not there at first
		appendTo(t, log, paid(i, "ann", "bob", "1"))
		want = strings.TrimPrefix(want+"\n"+fmt.Sprintf("00:%02d ann -100 bob 100", i), "\n")
		got := ""
		for range 300 {
			if got = lines(t, db, allPayments); got == want {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("payments after half a minute (-want +got):\n%s", d)
		}
	}
}
