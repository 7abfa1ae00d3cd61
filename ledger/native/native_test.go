package native_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/native"
)

// tables is everything that a ledger keeps, with refs in the place of ids, in
// an order that does not depend on ids. Only day snapshots are missing: they
// are made later, of these.
var tables = map[string]string{
	"settings":      `SELECT * FROM settings`,
	"accounts":      `SELECT ref, kind, issuer, name, holder, opened, archived FROM accounts`,
	"account_names": `SELECT ref, n.name, until FROM account_names n JOIN accounts ON id = account`,
	"holders":       `SELECT * FROM holders`,
	"labels":        `SELECT ref, label FROM accounts`,
	"merges":        `SELECT a.ref AS account, t.ref AS target FROM merges JOIN accounts a ON a.id = account JOIN accounts t ON t.id = target`,
	"events":        `SELECT * FROM events`,
	"items":         `SELECT ref, name, grouping FROM items`,
	"places":        `SELECT * FROM places`,
	"shops":         `SELECT s.ref, place, a.ref AS owner, world, x, y, z, active, seen FROM shops s JOIN accounts a ON a.id = owner`,
	"offers": `SELECT s.ref AS shop, o.ref, i.ref AS item, ask, bid, p.ref AS priced_in, batch, stock, capacity, o.active, o.seen
		FROM offers o JOIN shops s ON s.id = shop JOIN items i ON i.id = item LEFT JOIN items p ON p.id = priced_in`,
	"offer_changes": `SELECT o.shop, o.ref, i.ref AS item, c.at, c.ask, c.bid, c.batch, c.stock, c.capacity, c.active
		FROM offer_changes c JOIN offers o ON o.id = offer JOIN items i ON i.id = c.item`,
	"item_offer_hours": `SELECT ref, hour, best_ask, best_bid, asks, bids, stock FROM item_offer_hours JOIN items ON id = item`,
	"transactions":     `SELECT origin, ref, at, source, message FROM transactions`,
	"refs":             `SELECT origin, ref, what FROM refs`,
	"postings": `SELECT t.origin, t.ref, p.seq, a.ref AS account, p.at, p.amount
		FROM postings p JOIN transactions t ON t.id = transaction JOIN accounts a ON a.id = account`,
	"sales": `SELECT s.origin, s.ref, s.at, i.ref AS item, h.ref AS shop, f.ref AS seller, b.ref AS buyer, direction, quantity, total, tax, t.ref AS transaction
		FROM sales s JOIN items i ON i.id = s.item LEFT JOIN shops h ON h.id = shop LEFT JOIN accounts f ON f.id = seller
		LEFT JOIN accounts b ON b.id = buyer LEFT JOIN transactions t ON t.id = transaction`,
	"balances":       `SELECT ref, balance, last_at, postings FROM balances JOIN accounts ON id = account`,
	"activity_hours": `SELECT * FROM activity_hours`,
	"flow_hours":     `SELECT * FROM flow_hours`,
	"flow_largest":   `SELECT source, day, from_kind, from_issuer, to_kind, to_issuer, volumes FROM flow_largest`,
	"account_days":   `SELECT ref, day, received, sent, postings FROM account_days JOIN accounts ON id = account`,
	"trader_days": `SELECT i.ref AS item, day, a.ref AS account, side, sales, quantity, volume
		FROM trader_days JOIN items i ON i.id = item JOIN accounts a ON a.id = account`,
	"price_days": `SELECT ref, day, price, pieces, sales, quantity, volume FROM price_days JOIN items ON id = item`,
	"counterparties": `SELECT a.ref AS account, day, o.ref AS other, received, sent, transactions
		FROM counterparties c JOIN accounts a ON a.id = c.account LEFT JOIN accounts o ON o.id = c.other`,
	"item_days": `SELECT ref, day, sales, quantity, volume, other_lines, other_quantity, other_volume, high, low FROM item_days JOIN items ON id = item`,
	"item_hours": `SELECT i.ref, hour, sales, h.quantity, volume, other_lines, other_quantity, other_volume, open, high, low, close,
			open_at, o.ref AS open_sale, close_at, c.ref AS close_sale
		FROM item_hours h JOIN items i ON i.id = h.item
		LEFT JOIN sales o ON o.id = open_sale AND o.item = h.item LEFT JOIN sales c ON c.id = close_sale AND c.item = h.item`,
}

func TestAnImportOfAnExportGivesTheSameLedger(t *testing.T) {
	for name, compression := range map[string]native.Compression{"plain": native.Plain, "gzip": native.Gzip, "zstd": native.Zstd} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := testkit.Postgres(t), testkit.Postgres(t)
			fill(t, ours)
			first, second := t.TempDir(), t.TempDir()
			if err := native.Export(t.Context(), ours, first, compression); err != nil {
				t.Fatal(err)
			}
			written, err := native.Import(t.Context(), ledger.New(theirs), first, time.Time{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if written.Transactions == 0 || written.Sales == 0 {
				t.Fatalf("wrote %+v, want transactions and sales", written)
			}
			for table, query := range tables {
				if diff := cmp.Diff(dump(t, ours, query), dump(t, theirs, query)); diff != "" {
					t.Errorf("%s differs (-exported +imported):\n%s", table, diff)
				}
			}
			report, err := ledger.New(theirs).Verify(t.Context())
			if err != nil || !report.OK() {
				t.Errorf("the imported rollups are not what the postings say: %+v, %v", report, err)
			}

			if err := native.Export(t.Context(), theirs, second, native.Plain); err != nil {
				t.Fatal(err)
			}
			if compression == native.Plain {
				sameFiles(t, first, second)
			}
			again, err := native.Import(t.Context(), ledger.New(theirs), first, time.Time{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if again.Transactions+again.Sales != 0 || again.SkippedTransactions != written.Transactions {
				t.Errorf("the second import wrote %+v, want nothing", again)
			}
		})
	}
}

func TestASetOfAnEarlierVersionIsImported(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	write(t, dir, map[string]string{"accounts.csv": someAccounts, "items.csv": "ref\nbread\n",
		"shops.csv": "ref,place,owner,item,buy_price,sell_price,batch,stock,capacity,active,seen\n" +
			"stall,Quay,anna,bread,250,,2,7,,true,2026-01-01T00:00:00Z\n"})
	if _, err := native.Import(t.Context(), ledger.New(db), dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{`(stall,Quay,bread,250,,2,7)`}
	const offers = `SELECT s.ref, place, o.ref, ask, bid, batch, stock FROM offers o JOIN shops s ON s.id = shop`
	if diff := cmp.Diff(want, dump(t, db, offers)); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
}

func TestAnEmptyLedgerIsExportedAndImported(t *testing.T) {
	ours, theirs := testkit.Postgres(t), testkit.Postgres(t)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := native.Export(t.Context(), ours, dir, native.Plain); err != nil {
		t.Fatal(err)
	}
	if _, err := native.Import(t.Context(), ledger.New(theirs), dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAnExportDoesNotMixWithAnotherOne(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"items.csv": "ref\nbread\n"})
	err := native.Export(t.Context(), testkit.Postgres(t), dir, native.Zstd)
	if err == nil || !strings.Contains(err.Error(), "items.csv is there already: choose an empty folder") {
		t.Errorf("Export = %v, want it to refuse", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder has %v, want only what was there", entries)
	}
}

const (
	someAccounts = "ref,kind\nanna,personal\nbank,system\n"
	twoPayments  = "origin,ref,at,source\no,1,2026-01-01T00:00:00Z,pay\no,2,2026-01-01T00:00:00Z,pay\n"
	theirLegs    = "origin,transaction,account,amount\no,1,bank,-5\no,1,anna,5\no,2,bank,-5\no,2,anna,5\n"
)

func TestASetThatIsWrongSaysWhereAndWritesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no native file": {nil, "there is no native file in it"},
		"a wrong name":   {map[string]string{"account.csv": someAccounts}, "account.csv is not part of the native set"},
		"postings are missing": {map[string]string{"transactions.csv": twoPayments},
			"transactions.csv and postings.csv go together"},
		"twice, plain and compressed": {map[string]string{"items.csv": "ref\n", "items.csv.gz": ""}, "are both there"},
		"an unknown column":           {map[string]string{"accounts.csv": "ref,kind,colour\n"}, `accounts.csv:1: column "colour" is unknown`},
		"a missing column":            {map[string]string{"accounts.csv": "ref\nanna\n"}, `accounts.csv:1: column "kind" is missing`},
		"an empty file":               {map[string]string{"accounts.csv": ""}, "accounts.csv: the file is empty"},
		"a kind that is none":         {map[string]string{"accounts.csv": "ref,kind\nanna,queen\n"}, `account "anna": kind "queen" is none of`},
		"a row that is too short":     {map[string]string{"accounts.csv": "ref,kind\nanna\n"}, "accounts.csv:2: the row has 1 fields, expected 2"},
		"an open quote":               {map[string]string{"accounts.csv": "ref,kind\n\"anna,personal\n"}, "accounts.csv:2: extraneous or missing"},
		"an amount with decimals": {map[string]string{"accounts.csv": someAccounts, "transactions.csv": twoPayments,
			"postings.csv": strings.Replace(theirLegs, "-5", "-5.0", 1)},
			`postings.csv:2: column "amount": "-5.0": expected a whole number`},
		"an amount beyond 64 bits": {map[string]string{"accounts.csv": someAccounts, "transactions.csv": twoPayments,
			"postings.csv": strings.Replace(theirLegs, "-5", "-9223372036854775809", 1)},
			`postings.csv:2: column "amount": "-9223372036854775809": expected a whole number that fits in 64 bits`},
		"legs that do not sum to zero": {map[string]string{"accounts.csv": someAccounts, "transactions.csv": twoPayments,
			"postings.csv": strings.Replace(theirLegs, "-5", "-4", 1)}, `transactions.csv:2: transaction "1": postings sum to 1, not to zero`},
		"postings in another order": {map[string]string{"accounts.csv": someAccounts, "transactions.csv": twoPayments,
			"postings.csv": "origin,transaction,account,amount\no,2,bank,-5\no,2,anna,5\no,1,bank,-5\no,1,anna,5\n"},
			`transactions.csv:2: transaction "1" has no postings: next in postings is "2"`},
		"postings of no transaction": {map[string]string{"accounts.csv": someAccounts, "transactions.csv": twoPayments,
			"postings.csv": theirLegs + "o,3,bank,-5\n"}, `postings.csv:6: transaction "3" is not the next one`},
		"a time in the future": {map[string]string{"accounts.csv": someAccounts,
			"transactions.csv": strings.Replace(twoPayments, "2026", "2999", 1), "postings.csv": theirLegs}, "is in the future"},
		"a time of another age": {map[string]string{"accounts.csv": someAccounts,
			"transactions.csv": strings.Replace(twoPayments, "2026", "1066", 1), "postings.csv": theirLegs},
			`transactions.csv:2: transaction "1": time 1066-01-01T00:00:00Z is before 1900-01-01; if it is right, allow it: import --oldest 1066-01-01`},
		"a date that is none": {map[string]string{"accounts.csv": someAccounts,
			"transactions.csv": strings.Replace(twoPayments, "2026", "26", 1), "postings.csv": theirLegs},
			`transactions.csv:2: column "at": "26-01-01T00:00:00Z": expected a time such as`},
		"an unknown account": {map[string]string{"accounts.csv": "ref,kind\nanna,personal\n", "transactions.csv": twoPayments,
			"postings.csv": theirLegs}, `account "bank" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			db, dir := testkit.Postgres(t), t.TempDir()
			write(t, dir, c.files)
			_, err := native.Import(t.Context(), ledger.New(db), dir, time.Time{}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Import = %v\nwant it to say %q", err, c.want)
			}
			if rows := dump(t, db, `SELECT count(*) FROM transactions`); rows[0] != "(0)" {
				t.Errorf("%s transactions were written, want none", rows[0])
			}
		})
	}
}

func TestATimeOfAnotherAgeIsImportedWhereItIsAllowed(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	write(t, dir, map[string]string{"accounts.csv": someAccounts, "postings.csv": theirLegs,
		"transactions.csv": strings.Replace(twoPayments, "2026", "0001", 1)})
	oldest, err := ledger.ParseOldest("0001-01-01")
	if err != nil {
		t.Fatal(err)
	}
	written, err := native.Import(t.Context(), ledger.New(db), dir, oldest, nil)
	if err == nil || !strings.Contains(err.Error(), "time is missing") {
		t.Errorf("the first moment of the year 1, which stands for none: %+v, %v", written, err)
	}
	write(t, dir, map[string]string{"transactions.csv": strings.Replace(twoPayments, "2026-01-01", "0001-01-02", 1)})
	if written, err = native.Import(t.Context(), ledger.New(db), dir, oldest, nil); err != nil || written.Transactions != 2 {
		t.Errorf("the second day of the year 1: %+v, %v", written, err)
	}
}

func TestOtherDecimalsAreRefused(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	if err := ledger.New(db).SetSettings(t.Context(), ledger.Settings{Name: "Ours", Symbol: "£", Decimals: 2}); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"settings.csv": "name,symbol,decimals\nTheirs,£,3\n"})
	_, err := native.Import(t.Context(), ledger.New(db), dir, time.Time{}, nil)
	if err == nil || !strings.Contains(err.Error(), "keeps money with 2 decimals, this set has 3") {
		t.Errorf("Import = %v, want it to refuse", err)
	}
}

func TestAnotherTimeZoneIsRefused(t *testing.T) {
	db, dir := testkit.Postgres(t), t.TempDir()
	l := ledger.New(db)
	write(t, dir, map[string]string{"settings.csv": "name,symbol,decimals,timezone\nOurs,£,2,Europe/Berlin\n"})
	if _, err := native.Import(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Settings(t.Context()); err != nil || s.Timezone != "Europe/Berlin" {
		t.Errorf("settings are %+v, %v", s, err)
	}
	write(t, dir, map[string]string{"settings.csv": "name,symbol,decimals\nOurs,£,2\n"})
	if _, err := native.Import(t.Context(), l, dir, time.Time{}, nil); err != nil {
		t.Errorf("a set without a time zone: %v", err)
	}
	write(t, dir, map[string]string{"settings.csv": "name,symbol,decimals,timezone\nOurs,£,2,UTC\n"})
	if _, err := native.Import(t.Context(), l, dir, time.Time{}, nil); err == nil || !strings.Contains(err.Error(), "exchequer repair --timezone UTC") {
		t.Errorf("a set with another time zone: %v, want how to change it", err)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// dump returns a query's rows as sorted text.
func dump(t *testing.T, db *pgxpool.Pool, query string) []string {
	t.Helper()
	rows, _ := db.Query(t.Context(), `SELECT q::text FROM (`+query+`) q ORDER BY q::text COLLATE "C"`)
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	entries, err := os.ReadDir(a)
	if err != nil || len(entries) != 14 {
		t.Fatalf("the export has %v, %v, want fourteen files", entries, err)
	}
	for _, entry := range entries {
		x, _ := os.ReadFile(filepath.Join(a, entry.Name()))
		y, err := os.ReadFile(filepath.Join(b, entry.Name()))
		if err != nil || string(x) != string(y) {
			t.Errorf("%s differs from the export of the import (%v)", entry.Name(), err)
		}
	}
}

// fill writes a ledger with one of everything that is hard to write as CSV,
// and some thousands of ordinary rows.
func fill(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	l := ledger.New(db)
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: `Port "Exchequer", ₤`, Symbol: "₤", Decimals: 3, Timezone: "Australia/Sydney"}); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)
	names := []string{"plain", `a "quoted" one`, "two\nlines", "comma, semicolon; tab\t", " spaces ", `\N`, "Ω 漢字", "'", `\.`}
	var b ledger.Batch
	for i := range 40 {
		a := ledger.Account{Ref: fmt.Sprintf("a%d/%s", i, names[i%len(names)]), Kind: ledger.Kinds()[i%4], Name: names[(i+1)%len(names)],
			Holder: fmt.Sprintf("holder %d", i/3), Opened: start.Add(time.Duration(i) * time.Hour)}
		if i%7 == 6 {
			a.Archived = start.AddDate(0, 1, i)
		}
		b.Accounts = append(b.Accounts, a)
	}
	for i := range 9 {
		b.Items = append(b.Items, ledger.Item{Ref: fmt.Sprint("i", i), Name: names[i], Group: names[(i+2)%9]})
		x, y, z := int64(i), int64(64), int64(-i)
		b.Places = append(b.Places, ledger.Place{World: names[i%2], Name: names[i], X: &x, Z: &z, Kind: names[8-i]})
		b.Shops = append(b.Shops, ledger.Shop{Ref: fmt.Sprint("s", i), Place: names[i], Owner: b.Accounts[i].Ref, World: names[i%2],
			X: &x, Y: &y, Z: &z, Active: i%2 == 0, Seen: start})
		for n := range 2 * i {
			price, stock := int64(n*100), int64(n/3)
			o := ledger.Offer{Shop: fmt.Sprint("s", i), Ref: fmt.Sprint("sign ", n%2), Item: fmt.Sprint("i", (i+n/2)%(i+1)), Batch: int64(1 + n%3),
				Active: n%5 > 0, Seen: start.Add(time.Duration(n) * time.Hour)}
			if n%3 > 0 {
				o.Ask, o.Stock = &price, &stock
			}
			if n%3 < 2 {
				o.Bid, o.Capacity = &price, &stock
			}
			if n == 7 {
				o.PricedIn = "i0"
			}
			b.Offers = append(b.Offers, o)
			o.Seen = o.Seen.Add(time.Minute) // seen again, as it was
			b.Offers = append(b.Offers, o)
		}
	}
	b.Holders = []ledger.Holder{{Ref: "holder 0", Name: names[1], Kind: "person", Link: "https://example.org/?a=1,2", Label: names[3]},
		{Ref: b.Accounts[39].Ref, Hidden: true}}
	b.Labels = []ledger.Label{{Account: b.Accounts[1].Ref, Text: names[2]}}
	b.Merges = []ledger.Merge{{Account: b.Accounts[4].Ref, Into: b.Accounts[8].Ref}, {Account: b.Accounts[12].Ref, Into: b.Accounts[8].Ref}}
	b.FormerNames = []ledger.FormerName{{Account: b.Accounts[5].Ref, Name: names[4], Until: start}}
	for i := range 9 {
		b.Events = append(b.Events, ledger.Event{Ref: fmt.Sprint("e", i), At: start.AddDate(0, 0, -i), Title: names[i], Text: names[(i+1)%9], Scope: "item:i1"})
	}
	for batch := range 4 {
		for n := range 500 {
			i := batch*500 + n
			at := start.Add(time.Duration(random.IntN(60*24)) * time.Hour)
			t := ledger.Transaction{Origin: fmt.Sprint("origin ", i%2), Ref: fmt.Sprint(i / 2), At: at, Source: []string{"shop", "tax, etc"}[i%2],
				Message: names[i%len(names)]}
			var sum int64
			for range 1 + random.IntN(4) {
				amount := random.Int64N(100_000) - 49_999
				if amount == 0 || sum+amount == 0 {
					amount = 50_000
				}
				sum += amount
				t.Postings = append(t.Postings, ledger.Posting{Account: anyOf(b, random), Amount: amount})
			}
			t.Postings = append(t.Postings, ledger.Posting{Account: anyOf(b, random), Amount: -sum})
			if sum == 0 {
				continue
			}
			b.Transactions = append(b.Transactions, t)
			sale := ledger.Sale{Origin: t.Origin, Ref: t.Ref, At: at, Item: fmt.Sprint("i", random.IntN(9)), Direction: ledger.DirectionSale,
				Quantity: random.Int64N(20) - 3, Total: random.Int64N(5000) - 500, Tax: int64(i % 3), Transaction: t.Ref}
			switch i % 3 {
			case 0:
				sale.Shop, sale.Seller, sale.Buyer, sale.Direction = "s1", anyOf(b, random), anyOf(b, random), ledger.DirectionPurchase
			case 1:
				sale.Transaction = ""
			}
			b.Sales = append(b.Sales, sale)
		}
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Transactions, b.Sales = nil, nil
	}
}

func anyOf(b ledger.Batch, random *rand.Rand) string {
	return b.Accounts[random.IntN(len(b.Accounts))].Ref
}
