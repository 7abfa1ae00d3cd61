package ledger

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func good() Batch {
	return Batch{
		Accounts: []Account{{Ref: "ann", Kind: Personal}, {Ref: "bob", Kind: Personal}},
		Items:    []Item{{Ref: "bread"}},
		Shops:    []Shop{{Ref: "stall", Owner: "ann", Seen: now}},
		Offers:   []Offer{{Shop: "stall", Item: "bread", Batch: 1, Seen: now}},
		Transactions: []Transaction{{Origin: "o", Ref: "t", At: now, Source: "shop", Line: "f:1",
			Postings: []Posting{{"ann", 5}, {"bob", -5}}}},
		Sales: []Sale{{Origin: "o", Ref: "s", At: now, Item: "bread", Direction: DirectionSale, Quantity: 1, Total: 5, Line: "f:2"}},
	}
}

func TestCheckAcceptsWhatIsRight(t *testing.T) {
	for name, change := range map[string]func(*Batch){
		"a good batch":           func(*Batch) {},
		"an empty batch":         func(b *Batch) { *b = Batch{} },
		"a clock a little ahead": func(b *Batch) { b.Transactions[0].At = now.Add(4 * time.Second) },
		"the year 1900":          func(b *Batch) { b.Transactions[0].At = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) },
		"the year 1066, if allowed": func(b *Batch) {
			b.Oldest, b.Transactions[0].At = oldest("1066-10-14"), time.Date(1066, 10, 14, 0, 0, 0, 0, time.UTC)
		},
		"the first moment of the year 1, if allowed": func(b *Batch) {
			b.Oldest, b.Transactions[0].At = oldest("0001-01-01"), time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
		},
		"two legs on the same side": func(b *Batch) { b.Transactions[0].Postings = []Posting{{"ann", -5}, {"bob", 2}, {"bob", 3}} },
		"the largest amounts": func(b *Batch) {
			b.Transactions[0].Postings = []Posting{{"ann", math.MaxInt64}, {"bob", -math.MaxInt64}}
		},
		"sums that pass int64 midway": func(b *Batch) {
			b.Transactions[0].Postings = []Posting{{"a", 1 << 62}, {"a", 1<<62 - 1}, {"b", -1<<62 + 1}, {"b", -1 << 62}}
		},
		"the same ref of two origins": func(b *Batch) {
			b.Transactions = append(b.Transactions, b.Transactions[0])
			b.Transactions[1].Origin = "p"
		},
		"a transaction and a sale of the same ref": func(b *Batch) { b.Sales[0].Ref = "t" },
		"a return": func(b *Batch) { b.Sales[0].Quantity, b.Sales[0].Total = -1, -5 },
	} {
		b := good()
		change(&b)
		if err := check(b, now).err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckReportsWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		change func(*Batch)
		want   string
	}{
		{func(b *Batch) { b.Transactions[0].Postings[0].Amount = 7 }, `f:1: transaction "t": postings sum to 2, not to zero`},
		{func(b *Batch) { b.Transactions[0].Postings = b.Transactions[0].Postings[:1] }, `f:1: transaction "t": postings 1, want two or more`},
		{func(b *Batch) { b.Transactions[0].Postings[0].Amount = 0 }, `f:1: transaction "t": postings account "ann" has an amount of zero`},
		{func(b *Batch) { b.Transactions[0].Postings[0].Account = "" }, `f:1: transaction "t": postings account is empty`},
		{func(b *Batch) {
			b.Transactions[0].Postings = []Posting{{"a", 1 << 62}, {"a", 1 << 62}, {"b", math.MinInt64}}
		},
			`f:1: transaction "t": postings amounts add up to more than an int64 holds`},
		{func(b *Batch) {
			b.Transactions[0].Postings = []Posting{{"a", math.MaxInt64}, {"a", math.MaxInt64}, {"a", 2}, {"b", -1}, {"b", 1}}
		}, `f:1: transaction "t": postings amounts add up to more than an int64 holds`},
		{func(b *Batch) { b.Transactions[0].Origin = "" }, `f:1: transaction "t": origin is empty`},
		{func(b *Batch) { b.Transactions[0].Ref = "" }, `f:1: transaction: ref is empty`},
		{func(b *Batch) { b.Transactions[0].Source = "" }, `f:1: transaction "t": source is empty`},
		{func(b *Batch) { b.Transactions[0].Source = strings.Repeat("x", 129) },
			`f:1: transaction "t": source is longer than 128 bytes: "` + strings.Repeat("x", 80) + `"… (129 bytes)`},
		{func(b *Batch) { b.Transactions[0].Message = "a\xff" }, `f:1: transaction "t": message is not valid UTF-8: "a\xff"`},
		{func(b *Batch) { b.Transactions[0].Message = "a\x00" }, `f:1: transaction "t": message has a NUL character: "a\x00"`},
		{func(b *Batch) { b.Transactions[0].At = time.Time{} }, `f:1: transaction "t": time is missing`},
		{func(b *Batch) { b.Transactions[0].At = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) }, `f:1: transaction "t": time is before the year 1`},
		{func(b *Batch) { b.Transactions[0].At = time.Date(223, 5, 1, 0, 0, 0, 0, time.UTC) },
			`f:1: transaction "t": time 0223-05-01T00:00:00Z is before 1900-01-01; if it is right, allow it: import --oldest 0223-05-01`},
		{func(b *Batch) {
			b.Oldest, b.Sales[0].At = oldest("1066-10-14"), time.Date(1066, 10, 13, 23, 0, 0, 0, time.UTC)
		},
			`f:2: sale "s": time 1066-10-13T23:00:00Z is before 1066-10-14; if it is right, allow it: import --oldest 1066-10-13`},
		{func(b *Batch) { b.Accounts[0].Opened = time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC) },
			`account "ann": opened 1899-12-31T00:00:00Z is before 1900-01-01; if it is right, allow it: import --oldest 1899-12-31`},
		{func(b *Batch) { b.Transactions[0].At = now.Add(6 * time.Second) }, `f:1: transaction "t": time 2026-03-04T12:00:06Z is in the future`},
		{func(b *Batch) { b.Transactions = append(b.Transactions, b.Transactions[0]) }, `f:1: transaction "t": ref occurs twice in the batch`},
		{func(b *Batch) { b.Accounts[0].Kind = "wizard" }, `account "ann": kind "wizard" is none of personal, business, government, system`},
		{func(b *Batch) { b.Accounts[1].Ref = "ann" }, `account "ann": ref occurs twice in the batch`},
		{func(b *Batch) { b.Accounts[0].Archived = now.AddDate(0, 0, 1) }, `account "ann": archived 2026-03-05T12:00:00Z is in the future`},
		{func(b *Batch) { b.Items[0].Ref = "" }, `item: ref is empty`},
		{func(b *Batch) { b.Offers[0].Batch = 0 }, `offer "stall bread": batch 0 is not positive`},
		{func(b *Batch) { b.Offers[0].Ask = new(int64); *b.Offers[0].Ask = -1 }, `offer "stall bread": ask -1 is negative; leave it empty if there is none or it is unknown`},
		{func(b *Batch) { b.Offers = append(b.Offers, b.Offers[0]) }, `offer "stall bread": seen occurs twice in the batch`},
		{func(b *Batch) { b.Offers[0].Seen = time.Time{} }, `offer "stall bread": seen is missing`},
		{func(b *Batch) { b.Shops[0].X = new(int64) }, `shop "stall": x, y and z are incomplete: expected x and z, or x, y and z`},
		{func(b *Batch) { b.Shops[0].X, b.Shops[0].Z = new(int64), new(int64); *b.Shops[0].Z = 1 << 40 }, `shop "stall": x, y and z have 1099511627776, which is beyond ±1000000000`},
		{func(b *Batch) { b.Shops[0].Seen = time.Time{} }, `shop "stall": seen is missing`},
		{func(b *Batch) { b.Shops[0].Owner = "" }, `shop "stall": owner is empty`},
		{func(b *Batch) { b.Sales[0].Direction = "" }, `f:2: sale "s": direction "" is neither sale nor purchase`},
		{func(b *Batch) { b.Sales[0].Item = "" }, `f:2: sale "s": item is empty`},
		{func(b *Batch) { b.Sales = append(b.Sales, b.Sales[0]) }, `f:2: sale "s": ref occurs twice in the batch`},
	} {
		b := good()
		test.change(&b)
		var refused *BatchError
		if err := check(b, now).err(); !errors.As(err, &refused) {
			t.Errorf("check = %v, want %s", err, test.want)
		} else if diff := cmp.Diff([]string{test.want}, texts(refused)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
}

func TestAllProblemsAreCountedAndTheFirstOnesListed(t *testing.T) {
	var b Batch
	for i := range 1500 {
		b.Items = append(b.Items, Item{Ref: fmt.Sprint(i), Name: "\xff"})
	}
	var refused *BatchError
	if err := check(b, now).err(); !errors.As(err, &refused) || len(refused.Problems) != 1000 || refused.More != 500 {
		t.Fatalf("check = %v", err)
	}
	want := `append batch: item "0": name is not valid UTF-8: "\xff"; `
	if got := refused.Error(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "; and 1495 more") {
		t.Errorf("Error() = %s", got)
	}
}

func texts(e *BatchError) []string {
	var out []string
	for _, p := range e.Problems {
		out = append(out, p.String())
	}
	return out
}

func oldest(date string) time.Time {
	t, err := ParseOldest(date)
	if err != nil {
		panic(err)
	}
	return t
}
