package ledger

import (
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
	if _, err := ap.tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1 # `+LockSalt+`)`, offerLock); err != nil {
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
	items    map[string]Item // by ref
}

type knownAccount struct {
	name     string
	archived *time.Time
}

// find looks up every name in the batch, and locks out the writers of snapshots
// until the end of the transaction.
func (ap *appender) find(ctx context.Context) (known, error) {
	found := known{accounts: map[string]knownAccount{}, items: map[string]Item{}}
	accounts, items, shops := ap.namedBy()
	var batch pgx.Batch
	batch.Queue(`SELECT pg_advisory_xact_lock_shared($1 # `+LockSalt+`)`, snapshotLock)
	batch.Queue(`SELECT coalesce((SELECT timezone FROM settings), 'UTC'), nullif(closed, '-infinity') FROM archive`).QueryRow(func(row pgx.Row) error {
		var name string
		var closed *time.Time
		err := row.Scan(&name, &closed)
		if closed != nil {
			ap.closed = *closed
		}
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
		batch.Queue(`SELECT ref, id, name, grouping FROM items WHERE ref = ANY($1)`, items).Query(func(rows pgx.Rows) error {
			var i Item
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&i.Ref, &id, &i.Name, &i.Group}, func() error {
				ap.items[i.Ref], found.items[i.Ref] = id, i
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
	for i := range ap.batch.Observations {
		a[ap.batch.Observations[i].Account] = true
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

// checkNames adds a problem for every name that is neither in the batch nor in the
// ledger.
func (ap *appender) checkNames() {
	written := make(map[string]bool, len(ap.batch.Shops))
	for _, s := range ap.batch.Shops {
		written[s.Ref] = true
		ap.checkAccount("shop", s.Line, s.Ref, "owner", s.Owner)
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
		ap.checkItem("event", event.Line, event.Ref, "scope", item)
	}
	for _, o := range ap.batch.Offers {
		ap.checkItem("offer", o.Line, offerName(o), "item", o.Item)
		if o.PricedIn != "" {
			ap.checkItem("offer", o.Line, offerName(o), "priced_in", o.PricedIn)
		}
		if _, ok := ap.shops[o.Shop]; !ok && !written[o.Shop] {
			ap.problems.addField("offer", o.Line, offerName(o), "shop", "shop %s is unknown", quote(o.Shop))
		}
	}
	for i := range ap.batch.Transactions {
		t := &ap.batch.Transactions[i]
		for _, leg := range t.Postings {
			ap.checkAccount("transaction", t.Line, t.Ref, "account", leg.Account)
		}
	}
	for i := range ap.batch.Observations {
		o := &ap.batch.Observations[i]
		ap.checkAccount("balance", o.Line, o.Account, "account", o.Account)
	}
	for i := range ap.batch.Sales {
		s := &ap.batch.Sales[i]
		ap.checkItem("sale", s.Line, s.Ref, "item", s.Item)
		ap.checkAccount("sale", s.Line, s.Ref, "seller", s.Seller)
		ap.checkAccount("sale", s.Line, s.Ref, "buyer", s.Buyer)
		if _, ok := ap.shops[s.Shop]; !ok && s.Shop != "" && !written[s.Shop] {
			ap.problems.addField("sale", s.Line, s.Ref, "shop", "shop %s is unknown", quote(s.Shop))
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
			ap.problems.addField("account", a.Line, a.Ref, "archived", "%s", why)
		}
	}
	for i := range ap.batch.Transactions {
		t := &ap.batch.Transactions[i]
		if why := offHour(ap.zone, t.At); why != "" {
			ap.problems.addField("transaction", t.Line, t.Ref, "time", "%s", why)
		}
	}
	for i := range ap.batch.Sales {
		s := &ap.batch.Sales[i]
		if why := offHour(ap.zone, s.At); why != "" {
			ap.problems.addField("sale", s.Line, s.Ref, "time", "%s", why)
		}
	}
	for i := range ap.batch.Observations {
		o := &ap.batch.Observations[i]
		if why := offHour(ap.zone, o.At); why != "" {
			ap.problems.addField("balance", o.Line, o.Account, "time", "%s", why)
		}
	}
}

func (ap *appender) checkAccount(what, line, of, role, ref string) {
	if _, ok := ap.accounts[ref]; !ok && ref != "" {
		ap.problems.addField(what, line, of, role, "%s %s is unknown", role, quote(ref))
	}
}

func (ap *appender) checkItem(what, line, of, field, ref string) {
	if _, ok := ap.items[ref]; !ok {
		ap.problems.addField(what, line, of, field, "item %s is unknown", quote(ref))
	}
}
