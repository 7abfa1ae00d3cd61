package ledger_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// Sums by day are those of the transactions that the same filter selects.
func TestTransactionsAreSummedByDay(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	midnight := time.Now().UTC().Truncate(24 * time.Hour)
	b := ledger.Batch{Accounts: []ledger.Account{
		{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}, {Ref: "mill", Kind: ledger.Business},
		{Ref: "secret", Kind: ledger.Personal, Holder: "h:secret"},
	}, Holders: []ledger.Holder{{Ref: "h:secret", Name: "Secret", Hidden: true}}}
	pay := func(ref, source, message string, days int, from, to string, amount int64) {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "o", Ref: ref, At: midnight.AddDate(0, 0, -days).Add(-time.Hour), Source: source, Message: message,
			Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}})
	}
	pay("1", "grant", "first", 200, "mint", "ann", 1000) // longer ago than sums reach
	pay("2", "shop", "bread", 3, "ann", "mill", 5)
	pay("3", "shop", "bread and butter", 3, "ann", "mill", 7)
	pay("4", "shop", "ale", 1, "ann", "mill", 11)
	pay("5", "wages", "", 1, "mill", "ann", 13)
	pay("6", "gift", "", 0, "ann", "secret", 17)
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	type day struct {
		ago                  int
		number, volume, sent int64
	}
	ann := []day{{0, 1, 0, 17}, {1, 2, 13, 11}, {3, 2, 0, 12}}
	for what, c := range map[string]struct {
		filter ledger.EntryFilter
		want   []day
	}{
		"a source":         {ledger.EntryFilter{Source: "shop"}, []day{{1, 0, 11, 0}, {3, 0, 12, 0}}},
		"days":             {ledger.EntryFilter{Since: midnight.AddDate(0, 0, -4), Until: midnight.AddDate(0, 0, -2)}, []day{{3, 0, 12, 0}}},
		"kinds":            {ledger.EntryFilter{From: ledger.Side{Kind: ledger.Business}}, []day{{1, 0, 13, 0}}},
		"an account":       {ledger.EntryFilter{Account: "ann"}, ann},
		"its days":         {ledger.EntryFilter{Account: "ann", Since: midnight.AddDate(0, 0, -2)}, ann[:2]},
		"a text":           {ledger.EntryFilter{Text: "BREAD"}, []day{{3, 2, 12, 0}}},
		"an amount":        {ledger.EntryFilter{Least: 7, Source: "shop"}, []day{{1, 1, 11, 0}, {3, 1, 7, 0}}},
		"account, source":  {ledger.EntryFilter{Account: "ann", Source: "wages"}, []day{{1, 1, 13, 0}}},
		"a hidden account": {ledger.EntryFilter{Account: "secret"}, nil},
		"nothing":          {ledger.EntryFilter{Text: "nothing"}, nil},
	} {
		c.filter.ByDay = true
		found, err := l.Transactions(t.Context(), c.filter, ledger.End(), 1)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var got []day
		if found.Days != nil {
			for _, d := range found.Days.Days {
				ago := int(midnight.AddDate(0, 0, -1).Sub(d.Day) / (24 * time.Hour))
				got = append(got, day{ago, d.Number, int64(d.Volume.Float64()), int64(d.Sent.Float64())})
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: sums by day %v, want %v", what, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: sums by day %v, want %v", what, got, c.want)
			}
		}
		if len(found.Entries) > 1 {
			t.Errorf("%s: %d rows, want one at most", what, len(found.Entries))
		}
		without := c.filter
		without.ByDay = false
		plain, err := l.Transactions(t.Context(), without, ledger.End(), 1)
		if err != nil || len(plain.Entries) != len(found.Entries) || (plain.Next == nil) != (found.Next == nil) || plain.Next != nil && len(plain.Entries) > 0 && *plain.Next != *found.Next {
			t.Errorf("%s: with sums the rows are %d and go on at %v, without %d at %v, %v", what, len(found.Entries), found.Next, len(plain.Entries), plain.Next, err)
		}
	}
}

func TestTransactionsAreListedWithTheirPostings(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "secret", Kind: ledger.Personal, Holder: "h:secret"}},
		Holders: []ledger.Holder{{Ref: "h:secret", Name: "Secret", Hidden: true}}}
	tx := ledger.Transaction{Origin: "o", Ref: "1", At: time.Now().Add(-time.Hour), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -60}}}
	for range 60 {
		tx.Postings = append(tx.Postings, ledger.Posting{Account: "secret", Amount: 1})
	}
	b.Transactions = []ledger.Transaction{tx}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	found, err := l.Transactions(t.Context(), ledger.EntryFilter{Postings: true}, ledger.End(), 10)
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	e := found.Entries[0]
	if len(e.Legs) != 40 || e.Postings != 61 || e.Legs[0].Account.Ref != "mint" || e.Legs[0].Amount != -60 || e.Legs[1].Account.Ref != "" || e.Legs[1].Account.Name != ledger.HiddenName {
		t.Errorf("%d of %d postings are listed, the first %+v", len(e.Legs), e.Postings, e.Legs[:2])
	}
	if found, err = l.Transactions(t.Context(), ledger.EntryFilter{}, ledger.End(), 10); err != nil || found.Entries[0].Legs != nil {
		t.Errorf("postings that nobody asked for: %v, %v", found.Entries[0].Legs, err)
	}
}
