package dump

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"exchequer/internal/csvtext"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

var (
	january  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	february = january.AddDate(0, 1, 0)
	march    = january.AddDate(0, 2, 0)
)

// fill fills a ledger with trade from January to March. The names of a hidden holder
// and of accounts merged into others have "secret" in them.
func fill(t *testing.T, db *pgxpool.Pool) *ledger.Ledger {
	t.Helper()
	l := ledger.New(db)
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Symbol: "₤", Decimals: 2, Timezone: "America/New_York"}); err != nil {
		t.Fatal(err)
	}
	price, stock := int64(250), int64(7)
	b := ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal, Name: "=1+1"},
			{Ref: "secret-1", Kind: ledger.Personal, Name: "secret one", Holder: "secret-holder"},
			{Ref: "secret-2", Kind: ledger.Personal, Name: "secret two"},
			{Ref: "secret-3", Kind: ledger.Personal, Name: "secret three"}, {Ref: "secret-4", Kind: ledger.Personal, Name: "secret four"},
		},
		Holders: []ledger.Holder{{Ref: "secret-holder", Name: "secret", Label: "secret", Hidden: true}, {Ref: "ann", Name: "Ann"}},
		Labels:  []ledger.Label{{Account: "secret-1", Text: "secret label"}, {Account: "ann", Text: "of the town"}},
		Merges:  []ledger.Merge{{Account: "secret-2", Into: "ann"}, {Account: "secret-3", Into: "secret-1"}, {Account: "secret-4", Into: "ann"}},
		Items:   []ledger.Item{{Ref: "bread", Name: "Bread", Group: "Food"}},
		Shops: []ledger.Shop{{Ref: "stall", Place: "a \"stall\"\n, quay", Owner: "secret-1", Active: true, Seen: january,
			X: &stock, Y: &stock, Z: &stock}},
		Offers: []ledger.Offer{
			{Shop: "stall", Item: "bread", Ask: &price, Batch: 1, Stock: &stock, Active: true, Seen: january},
			{Shop: "stall", Item: "bread", Bid: &price, Batch: 1, Active: true, Seen: february},
		},
		Places: []ledger.Place{{Name: "Quay", X: &stock, Z: &stock}},
		Events: []ledger.Event{{Ref: "e", At: january, Title: "Fair", Scope: "all"}},
	}
	refs := []string{"ann", "secret-1", "secret-2", "secret-3", "secret-4"}
	for i := range 1500 { // more than two batches of a month
		at, to := january.Add(time.Duration(i)*90*time.Minute), refs[i%len(refs)]
		ref := fmt.Sprint(i)
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "o", Ref: ref, At: at, Source: "shop", Message: "-thanks",
			Postings: []ledger.Posting{{Account: "mint", Amount: int64(-i - 1)}, {Account: to, Amount: int64(i + 1)}}})
		b.Sales = append(b.Sales, ledger.Sale{Origin: "o", Ref: "sale " + ref, At: at, Item: "bread", Shop: "stall", Buyer: to,
			Direction: ledger.DirectionSale, Quantity: 3, Total: int64(i), Transaction: ref})
	}
	add(t, l, b)
	return l
}

func add(t *testing.T, l *ledger.Ledger, b ledger.Batch) {
	t.Helper()
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func payment(ref string, at time.Time) ledger.Batch {
	return ledger.Batch{Transactions: []ledger.Transaction{{Origin: "late", Ref: ref, At: at, Source: "pay",
		Postings: []ledger.Posting{{Account: "mint", Amount: -5}, {Account: "ann", Amount: 5}}}}}
}

func dump(t *testing.T, db *pgxpool.Pool, dir string, now time.Time) (*Manifest, Written) {
	t.Helper()
	written, err := Write(t.Context(), db, dir, "CC BY 4.0", true, now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m, _, err := p.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return m, written
}

// sums are the digests of the files of a dump.
func sums(m *Manifest) map[string]string {
	all := map[string]string{}
	for _, f := range m.Files {
		all[f.Path] = f.SHA256
	}
	return all
}

// cellsOf reads a Parquet file as the cells of the CSV file beside it.
func cellsOf[T any](t *testing.T, path string) [][]string {
	t.Helper()
	rows, err := parquet.ReadFile[T](path)
	if err != nil {
		t.Fatal(err)
	}
	all := [][]string{}
	for i := range rows {
		row := reflect.ValueOf(&rows[i]).Elem()
		var cells []string
		for f := range row.NumField() {
			cells = append(cells, cell(row.Field(f).Addr().Interface()))
		}
		all = append(all, cells)
	}
	return all
}

var readers = map[string]func(*testing.T, string) [][]string{
	"accounts": cellsOf[account], "holders": cellsOf[holder], "items": cellsOf[item], "shops": cellsOf[shop], "places": cellsOf[place],
	"events": cellsOf[event], "transactions": cellsOf[transaction], "postings": cellsOf[posting], "sales": cellsOf[sale],
	"offer_changes": cellsOf[offerChange], "item_hours": cellsOf[itemHour], "account_days": cellsOf[accountDay], "flow_hours": cellsOf[flowHour],
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()
	rows, err := csv.NewReader(unpacked).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

const stamp = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

// scans are the rows of the files, again, as plain SQL says them.
var scans = map[string]string{
	"accounts.parquet": `SELECT id, ref, kind, issuer, name, holder, label, to_char(opened, ` + stamp + `), to_char(archived, ` + stamp + `), NULL
		FROM accounts WHERE ref IN ('mint', 'ann') UNION ALL
		SELECT id, NULL, kind, issuer, NULL, NULL, NULL, NULL, NULL, CASE WHEN ref IN ('secret-2', 'secret-4') THEN (SELECT id FROM accounts WHERE ref = 'ann') END
		FROM accounts WHERE ref LIKE 'secret%' ORDER BY 1`,
	"transactions/2026-02.parquet": `SELECT id, to_char(at, ` + stamp + `), origin, ref, source, message FROM transactions WHERE at >= '2026-02-01' AND at < '2026-03-01' ORDER BY id`,
	"postings/2026-01.parquet": `SELECT account, to_char(at, ` + stamp + `), transaction, seq, amount FROM postings
		WHERE at < '2026-02-01' ORDER BY account, at, transaction, seq`,
	"sales/2026-02.parquet": `SELECT item, to_char(at, ` + stamp + `), id, shop, seller, buyer, direction, quantity, total, tax, transaction, origin, ref FROM sales
		WHERE at >= '2026-02-01' AND at < '2026-03-01' ORDER BY item, at, id`,
	"offer_changes/2026-02.parquet": `SELECT item, offer, to_char(at, ` + stamp + `), 1, ask, bid, priced_in, batch, stock, capacity, active FROM offer_changes
		WHERE at >= '2026-02-01' AND at < '2026-03-01'`,
	"item_hours/2026-02.parquet": `SELECT item, to_char(hour, ` + stamp + `), sales, quantity, volume, other_lines, other_quantity, other_volume, open, high, low, close
		FROM item_hours WHERE hour >= '2026-02-01' AND hour < '2026-03-01' ORDER BY 1, 2`,
	"account_days/2026-02.parquet": `SELECT * FROM account_days WHERE day BETWEEN '2026-02-01' AND '2026-02-28' ORDER BY account, day`,
	"flow_hours/2026-02.parquet": `SELECT to_char(hour, ` + stamp + `), from_kind, from_issuer, to_kind, to_issuer, source, transactions, volume
		FROM flow_hours WHERE hour >= '2026-02-01' AND hour < '2026-03-01' ORDER BY 1, 2, 3, 4, 5, 6`,
}

func scanned(t *testing.T, db *pgxpool.Pool, query string) [][]string {
	t.Helper()
	var all [][]string
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SET LOCAL TimeZone = 'UTC'`); err != nil {
			return err
		}
		rows, _ := tx.Query(t.Context(), query, pgx.QueryExecModeSimpleProtocol) // all as text
		defer rows.Close()
		for rows.Next() {
			var cells []string
			for _, raw := range rows.RawValues() {
				text := csvtext.Guard(string(raw))
				if number := string(raw); strings.HasPrefix(number, "-") && strings.Trim(number, "-0123456789") == "" {
					text = number
				}
				switch text {
				case "t":
					text = "true"
				case "f":
					text = "false"
				}
				cells = append(cells, text)
			}
			all = append(all, cells)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAFileHasTheRowsOfTheLedger(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	fill(t, db)
	m, _ := dump(t, db, dir, march.Add(settle))
	seen := map[string]bool{}
	for _, f := range m.Files {
		path := filepath.Join(dir, f.Path)
		if info, err := os.Stat(path); err != nil || info.Size() != f.Bytes {
			t.Errorf("%s: %v, want %d bytes", f.Path, err, f.Bytes)
		}
		name, isParquet := strings.CutSuffix(path, suffixParquet)
		if !isParquet {
			continue
		}
		seen[f.Path] = true
		i := slices.IndexFunc(m.Tables, func(t Table) bool { return t.Name == f.Table })
		var header []string
		for _, c := range m.Tables[i].Columns {
			if c.Type == "" {
				t.Errorf("%s.%s has no type", f.Table, c.Name)
			}
			header = append(header, c.Name)
		}
		got := readers[f.Table](t, path)
		if diff := cmp.Diff(append([][]string{header}, got...), readCSV(t, name+suffixCSV)); diff != "" || int64(len(got)) != f.Rows {
			t.Errorf("%s has %d rows, want %d, and other ones as Parquet than as CSV:\n%s", f.Path, len(got), f.Rows, diff)
		}
		for _, row := range got {
			if strings.Contains(strings.Join(row, " "), "secret") {
				t.Errorf("%s names what is hidden or merged: %q", f.Path, row)
			}
		}
		if scan, ok := scans[f.Path]; ok {
			if diff := cmp.Diff(scanned(t, db, scan), got); diff != "" {
				t.Errorf("%s differs (-scanned +read):\n%s", f.Path, diff)
			}
		}
	}
	for path := range scans {
		if !seen[path] {
			t.Errorf("there is no %s", path)
		}
	}
	if seen["postings/2026-03.parquet"] {
		t.Error("March is published, and has not ended")
	}
	if m.Ledger != (Ledger{"Port", "₤", 2, "America/New_York"}) || m.Licence != "CC BY 4.0" {
		t.Errorf("the manifest says %+v, %q", m.Ledger, m.Licence)
	}
}

func TestAMonthKeepsItsBytesUntilItsRowsChange(t *testing.T) {
	db, dir, other := testkit.Postgres(t), t.TempDir(), t.TempDir()
	l := fill(t, db)
	now := march.Add(settle)
	first, _ := dump(t, db, dir, now)
	second, _ := dump(t, db, other, now.Add(time.Hour))
	if diff := cmp.Diff(sums(first), sums(second)); diff != "" {
		t.Fatalf("two dumps of the same ledger differ:\n%s", diff)
	}

	// What happens in another month, and who is hidden, changes no month.
	add(t, l, payment("march", march.Add(10*time.Hour)))
	add(t, l, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}})
	third, written := dump(t, db, dir, now.Add(24*time.Hour))
	for path, sum := range sums(third) {
		if changed, want := sum != sums(first)[path], strings.HasPrefix(path, "accounts.") || strings.HasPrefix(path, "holders."); changed != want {
			t.Errorf("%s changed: %v, want %v", path, changed, want)
		}
	}
	if written.Files != 4 {
		t.Errorf("wrote %+v, want accounts and holders alone", written)
	}

	// A payment that arrives late makes the month anew.
	add(t, l, payment("late", january))
	fourth, _ := dump(t, db, dir, now.Add(48*time.Hour))
	for _, f := range fourth.Files {
		late := f.Month == "2026-01" && slices.Contains([]string{"transactions", "postings", "flow_hours"}, f.Table)
		late = late || f.Table == "account_days" && f.Month == "2025-12" // where it is still the evening before
		if new := f.Made.Equal(now.Add(48 * time.Hour)); new != late {
			t.Errorf("%s is new: %v, want %v", f.Path, new, late)
		}
		if before := third.find(f.Path); before != nil && !f.Published.Equal(before.Published) {
			t.Errorf("%s was published %v, and before %v", f.Path, f.Published, before.Published)
		}
	}
}

func TestADumpThatWasBrokenOffGoesOn(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	fill(t, db)
	now := march.Add(settle)
	whole, _ := dump(t, db, t.TempDir(), now)

	// It cannot write the table of sales, as on a full disk.
	obstacle := filepath.Join(dir, "sales")
	if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), db, dir, "", true, now); !errors.Is(err, syscall.ENOTDIR) {
		t.Fatalf("Write = %v", err)
	}
	if at, err := Completed(dir); err != nil || !at.IsZero() {
		t.Errorf("Completed = %v, %v", at, err)
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if f, entry, err := p.Open("postings/2026-01.parquet"); err != nil || entry.Rows == 0 {
		t.Errorf("what was written is not published: %v, %v", entry, err)
	} else {
		f.Close()
	}
	if err := errors.Join(os.Remove(obstacle), os.Mkdir(filepath.Join(dir, "account_days"), 0o700), os.WriteFile(filepath.Join(dir, "account_days", "2026-02.parquet"+partial), []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	m, written := dump(t, db, dir, now)
	if diff := cmp.Diff(sums(whole), sums(m)); diff != "" {
		t.Errorf("the dump is another one:\n%s", diff)
	}
	if written.Kept == 0 || written.Files+written.Kept != len(m.Files) {
		t.Errorf("wrote %+v of %d files", written, len(m.Files))
	}
	if at, err := Completed(dir); err != nil || at.IsZero() {
		t.Errorf("Completed = %v, %v", at, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"+partial))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOneProcessWritesADump(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("lock = %v, want ErrLocked", err)
	}
	if err := unlock(false); err != nil {
		t.Fatal(err)
	}
}

// A folder that has the manifest of something else is not written to.
func TestTheManifestOfSomethingElseStays(t *testing.T) {
	db := testkit.Postgres(t)
	dir := t.TempDir()
	path := filepath.Join(dir, ManifestName)
	const other = `{"name":"a site","files":[{"path":"index.html"}]}`
	for name, text := range map[string]string{path: other, filepath.Join(dir, "index.html"): "home"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Write(t.Context(), db, dir, "", true, march); err == nil || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("Write = %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != other {
		t.Errorf("the manifest is %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		t.Error(err)
	}
}

func TestOnlyFilesOfTheManifestAreOpened(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, _, err := p.Manifest(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Manifest = %v before there is one", err)
	}
	dump(t, db, dir, march)
	for _, name := range []string{"", ".", "..", "../x", "manifest.json", ".lock", "accounts", "/accounts.parquet", "./accounts.parquet", "x/../accounts.parquet"} {
		if f, _, err := p.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q) = %v, %v", name, f, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "accounts.parquet"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Open("accounts.parquet"); !errors.Is(err, ErrChanging) {
		t.Errorf("Open = %v of a file that is not the manifest's", err)
	}
	// The next dump mends it.
	dump(t, db, dir, march)
	f, _, err := p.Open("accounts.parquet")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestAPublicFolderHasNoSingleDealings(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	fill(t, db)
	now := january.AddDate(1, 0, 0)
	if whole, _ := dump(t, db, dir, now); !slices.ContainsFunc(whole.Files, func(f File) bool { return HasDealings(f.Table) }) {
		t.Fatal("a whole dump has no dealings")
	}
	if _, err := Write(t.Context(), db, dir, "", false, now); err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m, _, err := p.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if HasDealings(f.Table) {
			t.Errorf("%s is in the manifest", f.Path)
		}
	}
	for _, table := range m.Tables {
		if HasDealings(table.Name) {
			t.Errorf("the manifest describes %s", table.Name)
		}
	}
	for _, table := range dealings {
		if left, _ := filepath.Glob(filepath.Join(dir, table, "*")); len(left) > 0 {
			t.Errorf("the folder has %q", left)
		}
	}
	if len(m.Files) == 0 {
		t.Error("nothing is left")
	}
}
