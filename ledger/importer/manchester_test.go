package importer_test

import (
	"encoding/csv"
	"math"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

const mappings = "../../mappings/"

// TestCouncilSpendingGivesThePublishedFigures imports all of Manchester's
// payments. The figures were published by others or computed outside of this
// project, from the files.
func TestCouncilSpendingGivesThePublishedFigures(t *testing.T) {
	dir := testkit.Data(t, "manchester")
	inProcessOfItsOwn(t)
	files, err := filepath.Glob(filepath.Join(dir, "csv", "*.csv.gz"))
	if err != nil || len(files) != 138 {
		t.Fatalf("%d monthly files, %v, want 138", len(files), err)
	}
	db := testkit.Postgres(t)
	summary := run(t, db, "council-spending.toml", files...)
	if summary.Rows != 474_674 || summary.Transactions != 474_674 || summary.Postings != 2*474_674 || summary.Files != 138 {
		t.Errorf("imported %+v, want 474,674 rows of 138 files, each a transaction of two legs", summary)
	}

	published := readTotals(t, filepath.Join(dir, "published-monthly-totals.csv"))
	// The rollup that the economy page reads, refunds counted against payments.
	if got := totals(t, db, `SELECT to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM'),
		sum(CASE from_kind WHEN 'government' THEN volume ELSE -volume END)::bigint FROM flow_hours GROUP BY 1`); len(got) != 138 {
		t.Errorf("the rollup has %d months, want 138", len(got))
	} else {
		compare(t, "rollup", got, published)
	}
	compare(t, "postings", totals(t, db, `SELECT to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM'), sum(amount)::bigint
		FROM postings p JOIN accounts a ON a.id = p.account WHERE a.kind = 'business' GROUP BY 1`), published)

	for query, want := range map[string]int64{
		`SELECT count(*) FROM accounts WHERE kind = 'business'`:                                               17_148,
		`SELECT count(*) FROM accounts WHERE kind = 'government' AND issuer`:                                  30,
		`SELECT count(DISTINCT source) FROM transactions`:                                                     30,
		`SELECT sum(balance) FROM balances JOIN accounts ON id = account WHERE NOT issuer`:                    942_921_046_506,
		`SELECT count(*) FROM balances JOIN accounts ON id = account WHERE kind = 'business' AND balance > 0`: 17_121,
	} {
		if got := number(t, db, query); got != want {
			t.Errorf("%s = %d, want %d", query, got, want)
		}
	}
	var first, last time.Time
	if err := db.QueryRow(t.Context(), `SELECT min(at), max(at) FROM transactions`).Scan(&first, &last); err != nil {
		t.Fatal(err)
	}
	if got := first.Format(time.DateOnly) + " " + last.Format(time.DateOnly); got != "2010-12-01 2022-05-31" {
		t.Errorf("first and last date are %s, want 2010-12-01 2022-05-31", got)
	}
	received := numbers(t, db, `SELECT balance FROM balances JOIN accounts ON id = account WHERE kind = 'business' AND balance > 0`)
	close10(t, "Gini", gini(received), .9691846115)
	close10(t, "top 1%", top(received, .01), .7443613815)
	close10(t, "top 10%", top(received, .10), .9667509494)

	verify(t, db)
	councilNumbers(t, db)
	again := run(t, db, "council-spending.toml", files[60:64]...)
	if again.Transactions != 0 || again.SkippedTransactions != again.Rows {
		t.Errorf("importing four months again gave %+v, want all of it skipped", again)
	}
}

// TestWholeDataSetsWithoutTheRaceDetector runs the tests of whole data sets in a process of
// its own: half a million rows take minutes under the race detector, which has all of the
// same code to look at in the tests of small files.
func TestWholeDataSetsWithoutTheRaceDetector(t *testing.T) {
	if !raceDetector {
		t.Skip("they run in this process")
	}
	testkit.Data(t, "manchester")
	testkit.Data(t, "online-retail")
	tests := []string{"TestCouncilSpendingGivesThePublishedFigures", "TestOnlineRetailGivesItsKnownFigures"}
	// Built as the program is, so that both share what is compiled.
	cmd := exec.CommandContext(t.Context(), "go", "test", "-trimpath", "-vet=off", "-count=1", "-v", "-run", "^("+strings.Join(tests, "|")+")$", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	t.Logf("without the race detector:\n%s", out)
	for _, test := range tests {
		if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
			t.Errorf("%s did not pass: %v", test, err)
		}
	}
}

// inProcessOfItsOwn skips a test of a whole data set under the race detector. It lets
// those tests run at the same time, as each keeps one processor busy.
func inProcessOfItsOwn(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("see TestWholeDataSetsWithoutTheRaceDetector")
	}
	t.Parallel()
}

// run imports files by a mapping that is shipped.
func run(t testing.TB, db *pgxpool.Pool, mapping string, files ...string) importer.Summary {
	t.Helper()
	m, err := importer.Load(mappings + mapping)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := importer.Run(t.Context(), importer.Options{Ledger: ledger.New(db), Mapping: m, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows, %d postings, %d sales in %v: %.0f postings/s, %.0f rows/s", summary.Rows, summary.Postings, summary.Sales,
		summary.Took, float64(summary.Postings)/summary.Took.Seconds(), float64(summary.Rows)/summary.Took.Seconds())
	return summary
}

// verify recomputes balances and rollups by scanning.
func verify(t testing.TB, db *pgxpool.Pool) {
	t.Helper()
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("the rollups are not what the postings say: %+v", report)
	}
}

func readTotals(t *testing.T, path string) map[string]int64 {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, row := range rows[1:] {
		pounds, ok := new(big.Rat).SetString(row[1])
		if !ok {
			t.Fatalf("total %q", row[1])
		}
		pence := pounds.Mul(pounds, big.NewRat(100, 1))
		if !pence.IsInt() {
			t.Fatalf("total %q is not in pence", row[1])
		}
		out[row[0]] = pence.Num().Int64()
	}
	return out
}

func totals(t *testing.T, db *pgxpool.Pool, query string) map[string]int64 {
	t.Helper()
	rows, err := db.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	var month string
	var total int64
	if _, err := pgx.ForEachRow(rows, []any{&month, &total}, func() error { out[month] = total; return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func compare(t *testing.T, what string, got, want map[string]int64) {
	t.Helper()
	for month, total := range want {
		if got[month] != total {
			t.Errorf("%s: %s is %d pence, published %d", what, month, got[month], total)
		}
	}
}

func number(t *testing.T, db *pgxpool.Pool, query string) (n int64) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT ("+query+")::bigint").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func numbers(t *testing.T, db *pgxpool.Pool, query string) []int64 {
	t.Helper()
	rows, _ := db.Query(t.Context(), query)
	out, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// gini of sorted values, by the definition of docs/design.md; written here
// again, so that the test does not lean on what it stands beside.
func gini(sorted []int64) float64 {
	var sum, weighted float64
	for i, x := range sorted {
		sum += float64(x)
		weighted += float64(i+1) * float64(x)
	}
	n := float64(len(sorted))
	return 2*weighted/(n*sum) - (n+1)/n
}

// top is the share of the largest ceil(p·n).
func top(sorted []int64, p float64) float64 {
	var sum, largest float64
	from := len(sorted) - int(math.Ceil(p*float64(len(sorted))))
	for i, x := range sorted {
		sum += float64(x)
		if i >= from {
			largest += float64(x)
		}
	}
	return largest / sum
}

func close10(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 5.1e-11 {
		t.Errorf("%s = %.10f, want %.10f", what, got, want)
	}
}
