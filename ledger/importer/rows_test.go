package importer_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

const legs = `origin = "books"
[ledger]
name = "Books"
symbol = "£"
decimals = 2
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[columns]
txn = "txn"
at = "at"
account = "account"
kind = "kind"
holder = "holder"
amount = "amount"
[[accounts]]
role = "account"
ref = "{account}"
kind = "{kind}"
holder = "{holder}"
[transaction]
ref = "txn:{txn}"
group = "txn"
at = "at"
account = "account"
amount = "amount"
source = "books"
`

// once returns the rows, and then no more.
func once(header string, rows ...string) func(context.Context) (*importer.Rows, error) {
	all := &importer.Rows{Header: strings.Split(header, "|")}
	for i, row := range rows {
		all.Fields, all.Numbers = append(all.Fields, strings.Split(row, "|")), append(all.Numbers, i+1)
	}
	return func(context.Context) (*importer.Rows, error) {
		defer func() { all = nil }()
		return all, nil
	}
}

func runRows(t *testing.T, l *ledger.Ledger, mapping string, next func(context.Context) (*importer.Rows, error)) []string {
	t.Helper()
	reasons := []string{}
	_, err := importer.RunRows(t.Context(), importer.RowsOptions{
		Ledger: l, Mapping: parse(t, mapping), Name: "books:legs", Next: next,
		Written: func(_ context.Context, _ *importer.Rows, rejected []importer.Rejected) error {
			for _, r := range rejected {
				reasons = append(reasons, r.Reason)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return reasons
}

func balances(t *testing.T, db *pgxpool.Pool) (all string) {
	t.Helper()
	const query = `SELECT string_agg(a.ref || ' ' || b.balance, ', ' ORDER BY a.ref) FROM balances b JOIN accounts a ON a.id = b.account`
	if err := db.QueryRow(t.Context(), query).Scan(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

const header = "txn|at|account|kind|holder|amount"

func TestRowsThatAreLegsMakeTransactionsAndBadOnesAreLeftOut(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	reasons := runRows(t, l, legs, once(header,
		"1|2026-01-01 10:00:00|mint|system||-10.00",
		"1|2026-01-01 10:00:00|anna|personal|ann|7.50",
		"1|2026-01-01 10:00:00|bert|personal||2.50",
		"2|2026-01-01 11:00:00|anna|personal|ann|-1.00",
		"2|2026-01-01 11:00:00|bert|personal||0.99",
		"3|2026-01-01 12:00:00|anna|personal|ann|-1.5x",
		"3|2026-01-01 12:00:00|bert|personal||1.50",
		"4|2026-01-01 13:00:00|anna|personal|ann|-1.00",
		"4|2026-01-01 13:00:00|bert|personal||1.00",
	))
	want := []string{
		`transaction "txn:2": postings sum to -1, not to zero`,
		`its transaction has a bad row, line 4: transaction "txn:2": postings sum to -1, not to zero`,
		`column "amount" (amount): "-1.5x": expected digits, with "." before decimals, such as -1234.56`,
		`its transaction has a bad row, line 6: column "amount" (amount): "-1.5x": expected digits, with "." before decimals, such as -1234.56`,
	}
	if d := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(reasons))); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
	if got := balances(t, db); got != "anna 650, bert 350, mint -1000" {
		t.Errorf("balances: %s", got)
	}

	// Somebody else holds the account now, and the kind of another one has changed.
	if reasons := runRows(t, l, legs, once(header,
		"4|2026-01-01 13:00:00|anna|personal|ann|-1.00",
		"4|2026-01-01 13:00:00|bert|personal||1.00",
		"5|2026-01-01 14:00:00|anna|personal|carl|-1.00",
		"5|2026-01-01 14:00:00|bert|business||1.00",
	)); len(reasons) > 0 {
		t.Errorf("rows of accounts that changed: %v", reasons)
	}
	if got := balances(t, db); got != "anna 550, bert 450, mint -1000" {
		t.Errorf("balances after the second run: %s", got)
	}
}

const market = `origin = "market"
[ledger]
name = "Market"
symbol = "£"
decimals = 2
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[columns]
id = "id"
owner = "owner"
archived = "archived"
x = "x"
z = "z"
active = "active"
item = "item"
ask = "ask"
bid = "bid"
stock = "stock"
[[accounts]]
role = "owner"
ref = "{owner}"
kind = "personal"
[account]
role = "owner"
archived = "archived"
[shop]
ref = "shop:{id}"
owner = "owner"
world = "earth"
x = "x"
z = "z"
active = "active"
item = "{item}"
ask = "ask"
bid = "bid"
stock = "stock"
`

func TestRowsMakeShopsWithWhatTheyOffer(t *testing.T) {
	db := testkit.Postgres(t)
	if reasons := runRows(t, ledger.New(db), market, once("id|owner|archived|x|z|active|item|ask|bid|stock",
		"1|anna|0|10|-20|1|bread|1.25||64",
		"2|bert|1||||bread||0.75|0",
		"3|carl|0|||1||||",
		"4|carl|0|1.5||1||||",
	)); len(reasons) != 1 || !strings.Contains(reasons[0], `"1.5": expected a whole number`) {
		t.Errorf("reasons: %q", reasons)
	}
	var got string
	const query = `SELECT string_agg(concat_ws(' ', s.ref, a.ref, s.world, s.x, s.z, s.active, i.ref, o.ask, o.bid, o.stock), ', ' ORDER BY s.ref)
		FROM shops s JOIN accounts a ON a.id = s.owner LEFT JOIN offers o ON o.shop = s.id LEFT JOIN items i ON i.id = o.item`
	if err := db.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "shop:1 anna earth 10 -20 t bread 125 64, shop:2 bert earth f bread 75 0, shop:3 carl earth t"; got != want {
		t.Errorf("shops: %s, want %s", got, want)
	}
	var archived time.Time
	if err := db.QueryRow(t.Context(), `SELECT archived FROM accounts WHERE ref = 'bert'`).Scan(&archived); err != nil || time.Since(archived) > time.Minute {
		t.Errorf("bert was archived at %v, %v; want now", archived, err)
	}
}

func TestAColumnByAPatternChoosesTheRole(t *testing.T) {
	mapping := strings.NewReplacer("account = \"account\"\nkind = \"kind\"\nholder = \"holder\"\n", `asset = { header = "account", match = '^(?i:assets?):(.+)' }
other = { header = "account", match = '^(?i:income|expenses)\b.*' }
`, `[[accounts]]
role = "account"
ref = "{account}"
kind = "{kind}"
holder = "{holder}"
`, `[[accounts]]
role = "asset"
ref = "asset:{asset}"
kind = "personal"
[[accounts]]
role = "other"
ref = "{other}"
kind = "system"
`, `account = "account"
amount`, `account = ["asset", "other"]
amount`).Replace(legs)
	db := testkit.Postgres(t)
	rejected := runRows(t, ledger.New(db), mapping, once("txn|at|account|amount",
		"1|2026-01-01 10:00:00|Assets:Bank|2.50", "1|2026-01-01 10:00:00|Income:Work|-2.50",
		"2|2026-01-01 11:00:00|Assets:Bank|-1.00", "2|2026-01-01 11:00:00|Elsewhere|1.00"))
	var got string
	if err := db.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', a.ref, a.kind, b.balance), ', ' ORDER BY b.balance) FROM accounts a JOIN balances b ON b.account = a.id`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "Income:Work system -250, asset:Bank personal 250"; got != want {
		t.Errorf("accounts: %s, want %s", got, want)
	}
	if all := strings.Join(rejected, "\n"); len(rejected) != 2 || !strings.Contains(all, `column "other" (account): "Elsewhere"`) {
		t.Errorf("left out: %s", all)
	}
}

func TestAnOfferThatIsSeenSeveralTimesHasAHistory(t *testing.T) {
	db := testkit.Postgres(t)
	past := strings.NewReplacer("[columns]\n", "[columns]\nseen = \"seen\"\n", "[shop]\n", "[shop]\nseen = \"seen\"\n").Replace(market)
	if reasons := runRows(t, ledger.New(db), past, once("id|owner|archived|x|z|active|item|ask|bid|stock|seen",
		"1|anna|0|10|-20|1|bread|1.50|||2026-03-03 12:00:00",
		"1|anna|0|10|-20|1|bread|1.25|||2026-03-01 12:00:00",
		"1|anna|0|10|-20|0|bread|1.50|||2026-03-04 12:00:00",
		"1|anna|0|10|-20|1|bread|1.25|||2026-03-02 12:00:00",
	)); len(reasons) > 0 {
		t.Errorf("reasons: %q", reasons)
	}
	var got string
	const query = `SELECT string_agg(concat_ws(' ', to_char(at, 'MM-DD'), ask, active), ', ' ORDER BY at) FROM offer_changes`
	if err := db.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "03-01 125 t, 03-03 150 t, 03-04 150 f"; got != want {
		t.Errorf("changes of the offer: %s, want %s", got, want)
	}
}
