package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// A transaction has what plain scans of the record say, with accounts that are merged
// as the one into which they are.
func TestATransactionIsReadExactly(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	g := &generator{Rand: rand.New(rand.NewPCG(9, 9)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
	for _, b := range g.batches(30) {
		appendAtLast(t, l, b, g.Rand)
	}
	var one, other string
	for i, a := range people {
		if i > 0 && a.Kind == people[0].Kind && a.Issuer == people[0].Issuer && other == "" {
			one, other = people[0].Ref, a.Ref
		}
	}
	appended(t, l, ledger.Batch{Merges: []ledger.Merge{{Account: other, Into: one}}})
	const shown = `(SELECT p.*, coalesce(m.target, p.account) AS own FROM postings p LEFT JOIN merges m ON m.account = p.account)`
	want := rowsOf(t, db, `
		SELECT t.origin, t.ref, t.source, (SELECT count(*) FROM postings WHERE transaction = t.id),
			(SELECT sum(gain) FROM (SELECT greatest(sum(amount), 0) AS gain FROM postings WHERE transaction = t.id GROUP BY account) g),
			(SELECT count(*) FROM sales WHERE transaction = t.id),
			coalesce((SELECT ref FROM transactions x WHERE x.source = t.source AND (x.at, x.id) < (t.at, t.id) ORDER BY at DESC, id DESC LIMIT 1), '-'),
			coalesce((SELECT ref FROM transactions x WHERE x.source = t.source AND (x.at, x.id) > (t.at, t.id) ORDER BY at, id LIMIT 1), '-'),
			(SELECT string_agg(a.ref || ' ' || p.amount || ' ' || (SELECT sum(amount) FROM `+shown+` o WHERE o.own = p.own AND (o.at, o.transaction, o.seq) <= (p.at, p.transaction, p.seq)), ', ' ORDER BY seq)
				FROM `+shown+` p JOIN accounts a ON a.id = p.own WHERE p.transaction = t.id)
		FROM transactions t ORDER BY t.id`)
	var got []string
	for _, name := range rowsOf(t, db, `SELECT origin || '|' || ref FROM transactions ORDER BY id`) {
		origin, ref, _ := strings.Cut(name, "|")
		p, err := l.Transaction(t.Context(), origin, ref, ledger.FirstLeg, 50)
		if err != nil || p == nil {
			t.Fatalf("%s: %v, %v", name, p, err)
		}
		neighbours := [2]string{"-", "-"}
		for i, h := range []*ledger.Header{p.Previous, p.Next} {
			if h != nil {
				neighbours[i] = h.Ref
			}
		}
		var legs []string
		for _, leg := range p.Legs {
			if leg.Before == nil || *leg.Before+leg.Amount != *leg.After {
				t.Fatalf("%s: the balance of %s is %v before and %v after %d", name, leg.Account.Ref, leg.Before, leg.After, leg.Amount)
			}
			legs = append(legs, fmt.Sprint(leg.Account.Ref, " ", leg.Amount, " ", *leg.After))
		}
		var flows int64
		for _, b := range p.Between {
			flows += b.Volume
		}
		if flows != p.Volume {
			t.Errorf("%s: between kinds of account moved %d, in all %d", name, flows, p.Volume)
		}
		got = append(got, strings.Join([]string{p.Origin, p.Ref, p.Source, fmt.Sprint(p.Postings), fmt.Sprint(p.Volume), fmt.Sprint(len(p.Sales)),
			neighbours[0], neighbours[1], strings.Join(legs, ", ")}, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transactions (-scanned +read):\n%s", diff)
	}
}

func TestATransactionNamesNobodyHidden(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	b.Holders = []ledger.Holder{{Ref: "ann", Hidden: true}}
	odd := "a/b?<i>\n\u202e~..%2F#x"
	buy := transaction(odd, noon, ledger.Posting{"ann", -250}, ledger.Posting{"bakery", 200}, ledger.Posting{"town", 50})
	b.Transactions = []ledger.Transaction{buy}
	b.Sales = []ledger.Sale{{Origin: "test", Ref: "s", At: noon, Item: "bread", Shop: "stall", Seller: "bakery", Buyer: "ann",
		Direction: ledger.DirectionSale, Quantity: 2, Total: 250, Tax: 50, Transaction: odd}}
	appended(t, l, b)
	p, err := l.Transaction(t.Context(), "test", odd, ledger.FirstLeg, 50)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if ann := p.Legs[0]; ann.Account != (ledger.Party{Name: ledger.HiddenName, Kind: ledger.Personal}) || ann.Before != nil || ann.After != nil {
		t.Errorf("the leg of a hidden holder is %+v", ann)
	}
	if bakery := p.Legs[1]; bakery.Account.Ref != "bakery" || bakery.After == nil || *bakery.After != 200 {
		t.Errorf("the leg of the bakery is %+v", bakery)
	}
	if len(p.Sales) != 1 || p.Sales[0].Buyer.Ref != "" || p.Sales[0].Buyer.Name != ledger.HiddenName || p.Sales[0].Shop != "stall" || p.Sales[0].ItemName != "Bread" {
		t.Errorf("its sales are %+v", p.Sales)
	}
	for _, unknown := range [][2]string{{"test", "x"}, {"other", odd}, {"test", strings.Repeat("x", 10_000)}, {"test", "\x00"}, {"\xff", odd}, {"", ""}} {
		if p, err := l.Transaction(t.Context(), unknown[0], unknown[1], ledger.FirstLeg, 50); p != nil || err != nil {
			t.Errorf("%.20q is found: %+v, %v", unknown, p, err)
		}
	}
}

func TestALargeTransactionIsReadInParts(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := village()
	legs := []ledger.Posting{{"mint", -300}}
	for i := range 100 {
		legs = append(legs, ledger.Posting{[]string{"ann", "bob"}[i%2], 3})
	}
	b.Transactions = []ledger.Transaction{transaction("big", noon, legs...)}
	appended(t, l, b)
	var sum, n int64
	for after := int32(ledger.FirstLeg); ; {
		p, err := l.Transaction(t.Context(), "test", "big", after, 40)
		if err != nil {
			t.Fatal(err)
		}
		if after == ledger.FirstLeg && (p.Postings != 101 || p.Volume != 300 || p.Balanced) {
			t.Errorf("it has %d postings, volume %d, balances %t", p.Postings, p.Volume, p.Balanced)
		}
		for _, leg := range p.Legs {
			sum += leg.Amount
		}
		if n += int64(len(p.Legs)); p.Rest.Postings != 101-n || !p.Rest.Received.Minus(p.Rest.Paid).Equal(ledger.SumOf(-sum)) {
			t.Errorf("after %d postings the rest is %+v", n, p.Rest)
		}
		if p.Rest.Postings == 0 {
			break
		}
		after = p.Legs[len(p.Legs)-1].Seq
	}
	if n != 101 || sum != 0 {
		t.Errorf("%d postings, together %d", n, sum)
	}
}
