package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// names writes the accounts, items and shops of the batch and finds the ids of
// all that it names.
func (w *writing) names(ctx context.Context) error {
	w.accounts = make(map[string]account)
	w.items = make(map[string]int64)
	w.shops = make(map[string]int64)
	known, err := w.find(ctx)
	if err != nil {
		return err
	}
	if err := w.writeAccounts(ctx, known.accounts); err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	if err := w.writeItems(ctx, known.items); err != nil {
		return fmt.Errorf("write items: %w", err)
	}
	w.checkNames()
	if err := w.problems.err(); err != nil {
		return err
	}
	if err := w.writeShops(ctx); err != nil {
		return fmt.Errorf("write shops: %w", err)
	}
	return w.problems.err()
}

// known is what the ledger says about accounts and items that a batch writes.
type known struct {
	accounts map[string]knownAccount
	items    map[string]string // names by ref
}

type knownAccount struct {
	name     string
	archived *time.Time
}

// find looks up every name in the batch, and holds off the writers of
// snapshots until the end of the transaction.
func (w *writing) find(ctx context.Context) (known, error) {
	found := known{accounts: map[string]knownAccount{}, items: map[string]string{}}
	accounts, items, shops := w.mentioned()
	var batch pgx.Batch
	batch.Queue(`SELECT pg_advisory_xact_lock_shared($1)`, snapshotLock)
	if len(accounts) > 0 {
		const query = `SELECT ref, id, kind, holder, name, archived FROM accounts WHERE ref = ANY($1)`
		batch.Queue(query, accounts).Query(func(rows pgx.Rows) error {
			var ref string
			var kind Kind
			var a account
			var k knownAccount
			_, err := pgx.ForEachRow(rows, []any{&ref, &a.id, &kind, &a.holder, &k.name, &k.archived}, func() error {
				a.kind = kindIndex(kind)
				w.accounts[ref], found.accounts[ref] = a, k
				return nil
			})
			return err
		})
	}
	if len(items) > 0 {
		batch.Queue(`SELECT ref, id, name FROM items WHERE ref = ANY($1)`, items).Query(func(rows pgx.Rows) error {
			var ref, name string
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&ref, &id, &name}, func() error {
				w.items[ref], found.items[ref] = id, name
				return nil
			})
			return err
		})
	}
	if len(shops) > 0 {
		batch.Queue(`SELECT ref, id FROM shops WHERE ref = ANY($1)`, shops).Query(func(rows pgx.Rows) error {
			return collectIDs(rows, w.shops)
		})
	}
	if err := w.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return found, fmt.Errorf("look up names: %w", err)
	}
	return found, nil
}

// mentioned lists the refs of the accounts, items and shops that the batch names,
// save for the shops that it writes.
func (w *writing) mentioned() (accounts, items, shops []string) {
	a, i, s := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, account := range w.batch.Accounts {
		a[account.Ref] = true
	}
	for _, item := range w.batch.Items {
		i[item.Ref] = true
	}
	for _, shop := range w.batch.Shops {
		a[shop.Owner], i[shop.Item] = true, true
	}
	for t := range w.batch.Transactions {
		for _, leg := range w.batch.Transactions[t].Postings {
			a[leg.Account] = true
		}
	}
	for n := range w.batch.Sales {
		sale := &w.batch.Sales[n]
		a[sale.Seller], a[sale.Buyer], i[sale.Item], s[sale.Shop] = true, true, true, true
	}
	delete(a, "")
	delete(s, "")
	return slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(i)), slices.Collect(maps.Keys(s))
}

func collectIDs(rows pgx.Rows, into map[string]int64) error {
	var ref string
	var id int64
	_, err := pgx.ForEachRow(rows, []any{&ref, &id}, func() error {
		into[ref] = id
		return nil
	})
	return err
}

// writeAccounts writes the accounts that are new or have another name or are
// archived. A name that is only the ref does not replace a known name, and an
// account that is not archived in the batch stays archived: batches that
// merely mention an account do not undo what is known of it.
func (w *writing) writeAccounts(ctx context.Context, known map[string]knownAccount) error {
	var refs, names, holders []string
	var kinds []Kind
	var opened []time.Time
	var archived []*time.Time
	first := w.earliestTime()
	for _, a := range slices.SortedFunc(slices.Values(w.batch.Accounts), func(a, b Account) int { return cmp.Compare(a.Ref, b.Ref) }) {
		if k, ok := known[a.Ref]; ok {
			w.sameAccount(a, w.accounts[a.Ref])
			named := a.Name != "" && a.Name != a.Ref && a.Name != k.name
			if moved := !a.Archived.IsZero() && (k.archived == nil || !k.archived.Equal(micro(a.Archived))); moved {
				w.archivingMoved(a.Archived)
				if k.archived != nil {
					w.archivingMoved(*k.archived)
				}
			} else if !named {
				continue
			}
		}
		refs, kinds = append(refs, a.Ref), append(kinds, a.Kind)
		names = append(names, cmp.Or(a.Name, a.Ref))
		holders = append(holders, cmp.Or(a.Holder, a.Ref))
		if a.Opened.IsZero() {
			a.Opened = first
		}
		opened = append(opened, micro(a.Opened))
		if a.Archived.IsZero() {
			archived = append(archived, nil)
		} else {
			at := micro(a.Archived)
			archived = append(archived, &at)
		}
	}
	if len(refs) == 0 || len(w.problems.list) > 0 {
		return nil
	}
	const query = `
		INSERT INTO accounts AS known (id, ref, kind, name, holder, opened, archived)
		SELECT nextval('account_ids'), ref, kind, name, holder, opened, archived
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
			WITH ORDINALITY AS new (ref, kind, name, holder, opened, archived, place)
		ORDER BY place
		ON CONFLICT (ref) DO UPDATE SET
			name = CASE WHEN excluded.name = excluded.ref THEN known.name ELSE excluded.name END,
			archived = coalesce(excluded.archived, known.archived)
		RETURNING id, ref, kind, holder`
	rows, _ := w.tx.Query(ctx, query, refs, kinds, names, holders, opened, archived)
	var ref string
	var kind Kind
	var a account
	_, err := pgx.ForEachRow(rows, []any{&a.id, &ref, &kind, &a.holder}, func() error {
		a.kind = kindIndex(kind)
		w.accounts[ref] = a
		return nil
	})
	if err != nil {
		return err
	}
	w.changed[tagAccounts] = true
	// Another append may have written an account after we looked.
	for _, a := range w.batch.Accounts {
		if _, ok := known[a.Ref]; !ok {
			w.sameAccount(a, w.accounts[a.Ref])
		}
	}
	return nil
}

// sameAccount reports where an account of the batch contradicts what never
// changes.
func (w *writing) sameAccount(a Account, known account) {
	if kind := Kinds()[known.kind]; a.Kind != kind {
		w.problems.add("account", "", a.Ref, "kind is %s in the ledger and %s in the batch, and never changes", kind, a.Kind)
	}
	if a.Holder != "" && a.Holder != known.holder {
		w.problems.add("account", "", a.Ref, "holder is %s in the ledger and %s in the batch, and never changes",
			quote(known.holder), quote(a.Holder))
	}
}

func (w *writing) archivingMoved(t time.Time) {
	if w.archived.IsZero() || t.Before(w.archived) {
		w.archived = t
	}
}

// earliestTime is the first time in the batch, now if it has none.
func (w *writing) earliestTime() time.Time {
	first := time.Now()
	for i := range w.batch.Transactions {
		if at := w.batch.Transactions[i].At; at.Before(first) {
			first = at
		}
	}
	for i := range w.batch.Sales {
		if at := w.batch.Sales[i].At; at.Before(first) {
			first = at
		}
	}
	return first
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (w *writing) writeItems(ctx context.Context, known map[string]string) error {
	var refs, names []string
	for _, i := range slices.SortedFunc(slices.Values(w.batch.Items), func(a, b Item) int { return cmp.Compare(a.Ref, b.Ref) }) {
		if name, ok := known[i.Ref]; ok && (i.Name == "" || i.Name == i.Ref || i.Name == name) {
			continue
		}
		refs, names = append(refs, i.Ref), append(names, cmp.Or(i.Name, i.Ref))
	}
	if len(refs) == 0 {
		return nil
	}
	const query = `
		INSERT INTO items AS known (id, ref, name)
		SELECT nextval('item_ids'), ref, name
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (ref, name, place)
		ORDER BY place
		ON CONFLICT (ref) DO UPDATE SET
			name = CASE WHEN excluded.name = excluded.ref THEN known.name ELSE excluded.name END
		RETURNING ref, id`
	rows, _ := w.tx.Query(ctx, query, refs, names)
	w.changed[tagItems] = true
	return collectIDs(rows, w.items)
}

// writeShops writes the shops as they were last seen: what was seen earlier
// does not replace what was seen later.
func (w *writing) writeShops(ctx context.Context) error {
	if len(w.batch.Shops) == 0 {
		return nil
	}
	shops := slices.SortedFunc(slices.Values(w.batch.Shops), func(a, b Shop) int { return cmp.Compare(a.Ref, b.Ref) })
	n := len(shops)
	refs, places := make([]string, n), make([]string, n)
	owners, items, batches := make([]int64, n), make([]int64, n), make([]int64, n)
	buy, sell, stock, capacity := make([]*int64, n), make([]*int64, n), make([]*int64, n), make([]*int64, n)
	active, seen := make([]bool, n), make([]time.Time, n)
	for i, s := range shops {
		refs[i], places[i], batches[i], active[i], seen[i] = s.Ref, s.Place, s.Batch, s.Active, micro(s.Seen)
		owners[i], items[i] = w.accounts[s.Owner].id, w.items[s.Item]
		buy[i], sell[i], stock[i], capacity[i] = s.BuyPrice, s.SellPrice, s.Stock, s.Capacity
	}
	const query = `
		INSERT INTO shops AS known (id, ref, place, owner, item, buy_price, sell_price, batch, stock, capacity, active, seen)
		SELECT nextval('shop_ids'), ref, place, owner, item, buy_price, sell_price, batch, stock, capacity, active, seen
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
			$8::bigint[], $9::bigint[], $10::boolean[], $11::timestamptz[])
			WITH ORDINALITY AS new (ref, place, owner, item, buy_price, sell_price, batch, stock, capacity, active, seen, nr)
		ORDER BY nr
		ON CONFLICT (ref) DO UPDATE SET
			place = excluded.place, owner = excluded.owner, item = excluded.item,
			buy_price = excluded.buy_price, sell_price = excluded.sell_price, batch = excluded.batch,
			stock = excluded.stock, capacity = excluded.capacity, active = excluded.active, seen = excluded.seen
		WHERE excluded.seen >= known.seen AND
			(excluded.place, excluded.owner, excluded.item, excluded.buy_price, excluded.sell_price, excluded.batch,
				excluded.stock, excluded.capacity, excluded.active, excluded.seen)
			IS DISTINCT FROM (known.place, known.owner, known.item, known.buy_price, known.sell_price, known.batch,
				known.stock, known.capacity, known.active, known.seen)`
	tag, err := w.tx.Exec(ctx, query, refs, places, owners, items, buy, sell, batches, stock, capacity, active, seen)
	if err != nil {
		return err
	}
	w.changed[tagShops] = tag.RowsAffected() > 0
	rows, _ := w.tx.Query(ctx, `SELECT ref, id FROM shops WHERE ref = ANY($1)`, refs)
	return collectIDs(rows, w.shops)
}

// checkNames reports what the batch names and neither it nor the ledger knows.
func (w *writing) checkNames() {
	written := make(map[string]bool, len(w.batch.Shops))
	for _, s := range w.batch.Shops {
		written[s.Ref] = true
		w.checkAccount("shop", "", s.Ref, "owner", s.Owner)
		w.checkItem("shop", "", s.Ref, s.Item)
	}
	for i := range w.batch.Transactions {
		t := &w.batch.Transactions[i]
		for _, leg := range t.Postings {
			w.checkAccount("transaction", t.Line, t.Ref, "account", leg.Account)
		}
	}
	for i := range w.batch.Sales {
		s := &w.batch.Sales[i]
		w.checkItem("sale", s.Line, s.Ref, s.Item)
		w.checkAccount("sale", s.Line, s.Ref, "seller", s.Seller)
		w.checkAccount("sale", s.Line, s.Ref, "buyer", s.Buyer)
		if _, ok := w.shops[s.Shop]; !ok && s.Shop != "" && !written[s.Shop] {
			w.problems.add("sale", s.Line, s.Ref, "shop %s is unknown", quote(s.Shop))
		}
	}
}

func (w *writing) checkAccount(what, line, of, role, ref string) {
	if _, ok := w.accounts[ref]; !ok && ref != "" {
		w.problems.add(what, line, of, "%s %s is unknown", role, quote(ref))
	}
}

func (w *writing) checkItem(what, line, of, ref string) {
	if _, ok := w.items[ref]; !ok {
		w.problems.add(what, line, of, "item %s is unknown", quote(ref))
	}
}
