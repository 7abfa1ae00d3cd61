package aggregates

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// MostWatched is how many items, and how many accounts, a list to watch has at most.
const MostWatched = 20

// JoinRefs returns the text that [ParseRefs] reads: "diamond~iron". A percent sign and
// a tilde of a ref are escaped.
func JoinRefs(refs []string) string {
	texts := make([]string, len(refs))
	for i, ref := range refs {
		texts[i] = listEscapes.Replace(ref)
	}
	return strings.Join(texts, "~")
}

// ParseRefs returns the refs of a text, each once, in its order. Of more than
// [MostWatched] it returns one more than that, so that the caller knows. What cannot
// be a ref is left out.
func ParseRefs(text string) []string {
	var refs []string
	for part := range strings.SplitSeq(text, "~") {
		if ref, ok := listedRef(part); ok && !slices.Contains(refs, ref) {
			if refs = append(refs, ref); len(refs) > MostWatched {
				break
			}
		}
	}
	return refs
}

// WatchedItems is the items of a list, as they are now and as they were.
type WatchedItems struct {
	Basis
	Items   []WatchedItem `json:"items" nullable:"false" doc:"In the order of the address."`
	Unknown []string      `json:"unknown" nullable:"false" doc:"Refs of the address that the ledger does not know."`
	Example []string      `json:"-"` // refs, if the list is empty
}

// A WatchedItem is one of them.
type WatchedItem struct {
	ListedItem
	DayBefore  *float64 `json:"dayBefore" doc:"The price 1 day ago, at the same time of day; null: there was none, or the ledger does not reach back."`
	WeekBefore *float64 `json:"weekBefore" doc:"7 days ago."`
}

// The numbers of days over which what is watched is compared.
const (
	WatchDay   Days = 1
	WatchWeek  Days = 7
	WatchMonth Days = 30
)

// An ItemWatch is what all lists with an item show of it.
type ItemWatch struct {
	Basis
	Item WatchedItem `json:"item"`
}

// ComputeItemWatch reads an item as it is and as it was. It returns nil if there is none.
func ComputeItemWatch(ctx context.Context, db *pgxpool.Pool, w cache.Window, q NewsQuery) (*ItemWatch, error) {
	id, _, err := findItem(ctx, db, q.Ref)
	if err != nil || id == 0 {
		return nil, err
	}
	v := &ItemWatch{}
	if err := v.read(ctx, db, w, WatchMonth, func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, id) }); err != nil {
		return nil, fmt.Errorf("watched item: %w", err)
	}
	return v, nil
}

func (v *ItemWatch) fill(ctx context.Context, tx pgx.Tx, s span, id int64) error {
	args := s.args()
	args["item"] = id
	rows, _ := tx.Query(ctx, listedItems("id = @item", "item = @item"), args)
	list := []ListedItem{{}}
	if _, err := pgx.ForEachRow(rows, append(list[0].columns(&id), nil, nil, nil, nil), func() error { return nil }); err != nil {
		return fmt.Errorf("what was sold and is offered: %w", err)
	}
	ids := []int64{id}
	if err := priceListed(ctx, tx, s, ids, list); err != nil {
		return err
	}
	day, err := pricesBefore(ctx, tx, s.lasting(WatchDay), ids)
	if err != nil {
		return err
	}
	week, err := pricesBefore(ctx, tx, s.lasting(WatchWeek), ids)
	v.Item = WatchedItem{list[0], day[id], week[id]}
	return err
}

// WatchItems returns the items of a list, nil for those that are not known, of the
// ledger as it is.
func WatchItems(of Basis, refs []string, items []*ItemWatch) *WatchedItems {
	v := &WatchedItems{Basis: of, Items: []WatchedItem{}, Unknown: []string{}}
	for n, i := range items {
		if i == nil || i.Why != "" {
			v.Unknown = append(v.Unknown, refs[n])
			continue
		}
		v.Basis = i.Basis
		v.Items = append(v.Items, i.Item)
	}
	return v
}

// mostExamples is how many items, and accounts, an example of a list has.
const mostExamples = 2

// ExampleItems returns an empty list, with an example of one: what is traded most.
func ExampleItems(month *Items) *WatchedItems {
	v := &WatchedItems{Basis: month.Basis, Items: []WatchedItem{}, Unknown: []string{}}
	for _, i := range month.Items[:min(len(month.Items), mostExamples)] {
		v.Example = append(v.Example, i.ID)
	}
	return v
}

// Table has one row an item.
func (v *WatchedItems) Table() Table {
	t := Table{Columns: []Column{
		{"name", "Item", Text}, {"id", "Id", Text}, {"price", "Price of a piece, minor units", Ratio}, {"basis", "Days of its sales", Text}, {"sales", "Sales that count", Count},
		{"confidence", "Confidence", Text}, {"last_at", "Last sold", Instant},
		{"day", "Change in 1 day", Percent}, {"week", "Change in 7 days", Percent}, {"month", "Change in 30 days", Percent},
		{"ask", "Cheapest, minor units a piece", Ratio}, {"bid", "Best offer, minor units a piece", Ratio}, {"stock", "In stock", Count},
	}}
	for _, i := range v.Items {
		row := []any{i.Name, i.ID, orNil(i.Price.Value), i.Price.Basis, i.Price.Sales, string(i.Price.Confidence), nil,
			orNil(i.ChangeFrom(i.DayBefore)), orNil(i.ChangeFrom(i.WeekBefore)), orNil(i.Change()), orNil(i.BestAsk), orNil(i.BestBid), i.Stock}
		if i.Price.LastAt != nil {
			row[6] = *i.Price.LastAt
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// WatchedAccounts is the accounts of a list, as they are now and as they were.
type WatchedAccounts struct {
	Basis
	Accounts []WatchedAccount `json:"accounts" nullable:"false" doc:"In the order of the address; one that is merged into another one as that one."`
	Unknown  []string         `json:"unknown" nullable:"false" doc:"Refs of the address that the ledger does not know, or whose holders are hidden."`
	Example  []string         `json:"-"` // refs, if the list is empty
}

// A WatchedAccount is one of them.
type WatchedAccount struct {
	Refs       []string    `json:"-"` // by which the address names it
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Kind       ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Balance    int64       `json:"balance"`
	Day        ledger.Sum  `json:"day" doc:"Change on the last day, which may be partial."`
	Week       ledger.Sum  `json:"week" doc:"Change over the last 7 days, the last of them partial."`
	Month      ledger.Sum  `json:"month" doc:"Change over the last 30 days, the last of them partial."`
	LastActive *time.Time  `json:"lastActive" doc:"null: never used."`
	Population Population  `json:"population" enum:"personal,private,all" doc:"The holders among whom its holder is ranked."`
	Holders    int64       `json:"holders" doc:"How many they are."`
	Rank       int64       `json:"rank" doc:"How many of them have more, plus one; 0: not ranked. With more than 1,000 holders, right to a thousandth of them."`
	Exact      bool        `json:"exact" doc:"The rank is exact."`
}

// WatchAccounts returns the accounts of a list, nil for those that are not known, with
// the ladders of [Populations].
func WatchAccounts(refs []string, accounts []*Account, ladders []*Ladder) *WatchedAccounts {
	v := &WatchedAccounts{Basis: ladders[0].Basis, Accounts: []WatchedAccount{}, Unknown: []string{}}
	for n, a := range accounts {
		if a == nil {
			v.Unknown = append(v.Unknown, refs[n])
			continue
		}
		if len(v.Accounts) == 0 {
			v.Basis = a.Basis
		}
		if at := slices.IndexFunc(v.Accounts, func(w WatchedAccount) bool { return w.ID == a.ID }); at >= 0 {
			v.Accounts[at].Refs = append(v.Accounts[at].Refs, refs[n])
			continue
		}
		v.Accounts = append(v.Accounts, watchAccount(refs[n], a, ladderOf(a, ladders)))
	}
	return v
}

func watchAccount(ref string, a *Account, ladder *Ladder) WatchedAccount {
	w := WatchedAccount{Refs: []string{ref}, ID: a.ID, Name: a.Name, Kind: a.Kind, Balance: a.Balance, LastActive: a.LastActive, Population: ladder.Population, Holders: ladder.Holders}
	for ago, m := range slices.Backward(a.Moves) {
		change, ago := m.Received.Minus(m.Sent), len(a.Moves)-ago
		w.Month = w.Month.Plus(change)
		if ago <= int(WatchWeek) {
			w.Week = w.Week.Plus(change)
		}
		if ago <= int(WatchDay) {
			w.Day = w.Day.Plus(change)
		}
	}
	if a.Held != nil && ladder.Holders > 0 {
		stand := ladder.Find(*a.Held)
		w.Rank, w.Exact = stand.Richer+1, stand.Exact
	}
	return w
}

// ExampleAccounts returns an empty list, with an example of one: the richest that are
// not hidden.
func ExampleAccounts(r *Richest) *WatchedAccounts {
	v := &WatchedAccounts{Basis: r.Basis, Accounts: []WatchedAccount{}, Unknown: []string{}}
	for _, a := range r.Accounts {
		if a.Ref != "" && len(v.Example) < mostExamples {
			v.Example = append(v.Example, a.Ref)
		}
	}
	return v
}

// Table has one row an account.
func (v *WatchedAccounts) Table() Table {
	t := Table{Columns: []Column{
		{"name", "Account", Text}, {"id", "Id", Text}, {"kind", "Kind", Text}, {"balance", "Balance", Money},
		{"day", "Change in 1 day", Money}, {"week", "Change in 7 days", Money}, {"month", "Change in 30 days", Money},
		{"last_active", "Last active", Instant}, {"rank", "Rank of the holder", Count}, {"holders", "Among holders", Count},
	}}
	for _, a := range v.Accounts {
		row := []any{a.Name, a.ID, string(a.Kind), a.Balance, a.Day, a.Week, a.Month, nil, nil, a.Holders}
		if a.LastActive != nil {
			row[7] = *a.LastActive
		}
		if a.Rank > 0 {
			row[8] = a.Rank
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
