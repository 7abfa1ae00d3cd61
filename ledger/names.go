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
// everything that the batch names.
func (ap *appender) names(ctx context.Context) error {
	ap.accounts = make(map[string]account)
	ap.items = make(map[string]int64)
	ap.shops = make(map[string]int64)
	known, err := ap.find(ctx)
	if err != nil {
		return err
	}
	if err := ap.writeAccounts(ctx, known.accounts); err != nil {
		return fmt.Errorf("write accounts: %w", err)
	}
	if err := ap.writeItems(ctx, known.items); err != nil {
		return fmt.Errorf("write items: %w", err)
	}
	ap.checkNames()
	ap.checkHours()
	if err := ap.problems.err(); err != nil {
		return err
	}
	if err := ap.knownNames(ctx); err != nil {
		return err
	}
	if err := ap.writeEvents(ctx); err != nil {
		return err
	}
	if err := ap.writePlaces(ctx); err != nil {
		return err
	}
	if len(ap.batch.Shops)+len(ap.batch.Offers) == 0 {
		return nil
	}
	if _, err := ap.tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, offerLock); err != nil {
		return fmt.Errorf("wait for other writers of offers: %w", err)
	}
	closed, err := ap.writeShops(ctx)
	if err != nil {
		return fmt.Errorf("write shops: %w", err)
	}
	if err := ap.writeOffers(ctx, closed); err != nil {
		return fmt.Errorf("write offers: %w", err)
	}
	return ap.problems.err()
}

// known is what the ledger has of the accounts and items that a batch writes.
type known struct {
	accounts map[string]knownAccount
	items    map[string]string // names by ref
}

type knownAccount struct {
	name     string
	archived *time.Time
}

// find looks up every name in the batch, and locks out the writers of snapshots
// until the end of the transaction.
func (ap *appender) find(ctx context.Context) (known, error) {
	found := known{accounts: map[string]knownAccount{}, items: map[string]string{}}
	accounts, items, shops := ap.namedBy()
	var batch pgx.Batch
	batch.Queue(`SELECT pg_advisory_xact_lock_shared($1)`, snapshotLock)
	batch.Queue(`SELECT coalesce((SELECT timezone FROM settings), 'UTC')`).QueryRow(func(row pgx.Row) error {
		var name string
		err := row.Scan(&name)
		if err == nil {
			ap.zone, err = LoadZone(name)
		}
		return err
	})
	if len(accounts) > 0 {
		const query = `SELECT ref, id, kind, issuer, holder, name, archived FROM accounts WHERE ref = ANY($1)`
		batch.Queue(query, accounts).Query(func(rows pgx.Rows) error {
			var ref string
			var kind Kind
			var issuer bool
			var a account
			var k knownAccount
			_, err := pgx.ForEachRow(rows, []any{&ref, &a.id, &kind, &issuer, &a.holder, &k.name, &k.archived}, func() error {
				a.party = partyOf(kind, issuer)
				ap.accounts[ref], found.accounts[ref] = a, k
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
				ap.items[ref], found.items[ref] = id, name
				return nil
			})
			return err
		})
	}
	if len(shops) > 0 {
		batch.Queue(`SELECT ref, id FROM shops WHERE ref = ANY($1)`, shops).Query(func(rows pgx.Rows) error {
			return collectIDs(rows, ap.shops)
		})
	}
	if err := ap.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return found, fmt.Errorf("look up names: %w", err)
	}
	return found, nil
}

// namedBy returns the refs of the accounts, items and shops that the batch names,
// except for the shops that it writes.
func (ap *appender) namedBy() (accounts, items, shops []string) {
	a, i, s := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, account := range ap.batch.Accounts {
		a[account.Ref] = true
	}
	for _, item := range ap.batch.Items {
		i[item.Ref] = true
	}
	for _, shop := range ap.batch.Shops {
		a[shop.Owner] = true
	}
	for _, offer := range ap.batch.Offers {
		s[offer.Shop], i[offer.Item], i[offer.PricedIn] = true, true, true
	}
	for _, label := range ap.batch.Labels {
		a[label.Account] = true
	}
	for _, former := range ap.batch.FormerNames {
		a[former.Account] = true
	}
	for _, merge := range ap.batch.Merges {
		a[merge.Account], a[merge.Into] = true, true
	}
	for t := range ap.batch.Transactions {
		for _, leg := range ap.batch.Transactions[t].Postings {
			a[leg.Account] = true
		}
	}
	for n := range ap.batch.Sales {
		sale := &ap.batch.Sales[n]
		a[sale.Seller], a[sale.Buyer], i[sale.Item], s[sale.Shop] = true, true, true, true
	}
	for _, item := range ap.batch.scopeItems {
		i[item] = true
	}
	delete(a, "")
	delete(i, "")
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

// writeAccounts writes the accounts that are new, renamed or archived. A name that
// is only the ref does not replace another name, and an account that is not
// archived in the batch stays archived. So a batch that merely names an account
// does not change it.
func (ap *appender) writeAccounts(ctx context.Context, known map[string]knownAccount) error {
	var refs, names, holders []string
	var kinds []Kind
	var issuers []bool
	var opened []time.Time
	var archived []*time.Time
	renamed := false
	first := ap.earliestTime()
	for _, a := range slices.SortedFunc(slices.Values(ap.batch.Accounts), func(a, b Account) int { return cmp.Compare(a.Ref, b.Ref) }) {
		if k, ok := known[a.Ref]; ok {
			ap.sameAccount(a, ap.accounts[a.Ref])
			named := a.Name != "" && a.Name != a.Ref && a.Name != k.name
			renamed = renamed || named && k.name != a.Ref
			if moved := !a.Archived.IsZero() && (k.archived == nil || !k.archived.Equal(micro(a.Archived))); moved {
				ap.archivingMoved(a.Archived)
				if k.archived != nil {
					ap.archivingMoved(*k.archived)
				}
			} else if !named {
				continue
			}
		}
		refs, kinds, issuers = append(refs, a.Ref), append(kinds, a.Kind), append(issuers, a.Issues())
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
	if len(refs) == 0 || len(ap.problems.list) > 0 {
		return nil
	}
	if renamed {
		if err := ap.keepFormerNames(ctx, refs, names); err != nil {
			return err
		}
	}
	const query = `
		INSERT INTO accounts AS known (id, ref, kind, issuer, name, holder, opened, archived)
		SELECT nextval('account_ids'), ref, kind, issuer, name, holder, opened, archived
		FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
			WITH ORDINALITY AS new (ref, kind, issuer, name, holder, opened, archived, place)
		ORDER BY place
		ON CONFLICT (ref) DO UPDATE SET
			name = CASE WHEN excluded.name = excluded.ref THEN known.name ELSE excluded.name END,
			archived = coalesce(excluded.archived, known.archived)
		RETURNING id, ref, kind, issuer, holder`
	rows, _ := ap.tx.Query(ctx, query, refs, kinds, issuers, names, holders, opened, archived)
	var ref string
	var kind Kind
	var issuer bool
	var a account
	_, err := pgx.ForEachRow(rows, []any{&a.id, &ref, &kind, &issuer, &a.holder}, func() error {
		a.party = partyOf(kind, issuer)
		ap.accounts[ref] = a
		return nil
	})
	if err != nil {
		return err
	}
	ap.changed[tagAccounts] = true
	// Another append may have written an account after the look-up.
	for _, a := range ap.batch.Accounts {
		if _, ok := known[a.Ref]; !ok {
			ap.sameAccount(a, ap.accounts[a.Ref])
		}
	}
	return nil
}

// sameAccount adds a problem if the batch gives an account another kind, holder or
// issuer: no append changes these.
func (ap *appender) sameAccount(a Account, known account) {
	if kind := known.party.kind(); a.Kind != kind {
		ap.problems.add("account", "", a.Ref, "kind is %s in the ledger and %s in the batch, and never changes", kind, a.Kind)
	}
	if a.Holder != "" && a.Holder != known.holder {
		ap.problems.add("account", "", a.Ref, "holder is %s in the ledger and %s in the batch, and never changes",
			quote(known.holder), quote(a.Holder))
	}
	if issues := known.party.issues(); a.Issuer != nil && *a.Issuer != issues {
		ap.problems.add("account", "", a.Ref, "issuer is %t in the ledger and %t in the batch; to change it: exchequer repair --issuer %s=%t",
			issues, *a.Issuer, quote(a.Ref), *a.Issuer)
	}
}

func (ap *appender) archivingMoved(t time.Time) {
	if ap.archived.IsZero() || t.Before(ap.archived) {
		ap.archived = t
	}
}

// earliestTime returns the earliest time in the batch, now if it has none.
func (ap *appender) earliestTime() time.Time {
	first := time.Now()
	for i := range ap.batch.Transactions {
		if at := ap.batch.Transactions[i].At; at.Before(first) {
			first = at
		}
	}
	for i := range ap.batch.Sales {
		if at := ap.batch.Sales[i].At; at.Before(first) {
			first = at
		}
	}
	return first
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (ap *appender) writeItems(ctx context.Context, known map[string]string) error {
	var refs, names []string
	for _, i := range slices.SortedFunc(slices.Values(ap.batch.Items), func(a, b Item) int { return cmp.Compare(a.Ref, b.Ref) }) {
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
	rows, _ := ap.tx.Query(ctx, query, refs, names)
	ap.changed[tagItems] = true
	return collectIDs(rows, ap.items)
}

// checkNames adds a problem for every name that is neither in the batch nor in the
// ledger.
func (ap *appender) checkNames() {
	written := make(map[string]bool, len(ap.batch.Shops))
	for _, s := range ap.batch.Shops {
		written[s.Ref] = true
		ap.checkAccount("shop", "", s.Ref, "owner", s.Owner)
	}
	for _, label := range ap.batch.Labels {
		ap.checkAccount("label", "", label.Account, "account", label.Account)
	}
	for _, former := range ap.batch.FormerNames {
		ap.checkAccount("former name", "", former.Account, "account", former.Account)
	}
	for _, merge := range ap.batch.Merges {
		ap.checkAccount("merge", "", merge.Account, "account", merge.Account)
		ap.checkAccount("merge", "", merge.Account, "into", merge.Into)
	}
	for event, item := range ap.batch.scopeItems {
		ap.checkItem("event", "", event, item)
	}
	for _, o := range ap.batch.Offers {
		ap.checkItem("offer", "", offerName(o), o.Item)
		if o.PricedIn != "" {
			ap.checkItem("offer", "", offerName(o), o.PricedIn)
		}
		if _, ok := ap.shops[o.Shop]; !ok && !written[o.Shop] {
			ap.problems.add("offer", "", offerName(o), "shop %s is unknown", quote(o.Shop))
		}
	}
	for i := range ap.batch.Transactions {
		t := &ap.batch.Transactions[i]
		for _, leg := range t.Postings {
			ap.checkAccount("transaction", t.Line, t.Ref, "account", leg.Account)
		}
	}
	for i := range ap.batch.Sales {
		s := &ap.batch.Sales[i]
		ap.checkItem("sale", s.Line, s.Ref, s.Item)
		ap.checkAccount("sale", s.Line, s.Ref, "seller", s.Seller)
		ap.checkAccount("sale", s.Line, s.Ref, "buyer", s.Buyer)
		if _, ok := ap.shops[s.Shop]; !ok && s.Shop != "" && !written[s.Shop] {
			ap.problems.add("sale", s.Line, s.Ref, "shop %s is unknown", quote(s.Shop))
		}
	}
}

// checkHours adds a problem for every time at which the ledger's zone is not a
// number of whole hours from UTC.
func (ap *appender) checkHours() {
	if ap.zone == time.UTC {
		return
	}
	for _, a := range ap.batch.Accounts {
		if why := offHour(ap.zone, a.Archived); why != "" && !a.Archived.IsZero() {
			ap.problems.add("account", "", a.Ref, "%s", why)
		}
	}
	for i := range ap.batch.Transactions {
		t := &ap.batch.Transactions[i]
		if why := offHour(ap.zone, t.At); why != "" {
			ap.problems.add("transaction", t.Line, t.Ref, "%s", why)
		}
	}
	for i := range ap.batch.Sales {
		s := &ap.batch.Sales[i]
		if why := offHour(ap.zone, s.At); why != "" {
			ap.problems.add("sale", s.Line, s.Ref, "%s", why)
		}
	}
}

func (ap *appender) checkAccount(what, line, of, role, ref string) {
	if _, ok := ap.accounts[ref]; !ok && ref != "" {
		ap.problems.add(what, line, of, "%s %s is unknown", role, quote(ref))
	}
}

func (ap *appender) checkItem(what, line, of, ref string) {
	if _, ok := ap.items[ref]; !ok {
		ap.problems.add(what, line, of, "item %s is unknown", quote(ref))
	}
}
