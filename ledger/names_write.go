package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// writeAccounts writes the accounts that are new, renamed or archived. A name that
// is only the ref does not replace another name, and an account that is not
// archived in the batch stays archived, unless it is said to be in use. So a batch that merely names an account
// does not change it.
func (ap *appender) writeAccounts(ctx context.Context, known map[string]knownAccount) error {
	var refs, names, holders []string
	var kinds []Kind
	var issuers []bool
	var opened []time.Time
	var archived []*time.Time
	var used []bool // again: archived no more
	regrouped := regrouping{}
	renamed := false
	first := ap.earliestTime()
	for _, a := range slices.SortedFunc(slices.Values(ap.batch.Accounts), func(a, b Account) int { return cmp.Compare(a.Ref, b.Ref) }) {
		again := false
		if k, ok := known[a.Ref]; ok {
			ap.sameAccount(a, ap.accounts[a.Ref])
			named := a.Name != "" && a.Name != a.Ref && a.Name != k.name
			renamed = renamed || named && k.name != a.Ref
			if ap.batch.KeepAccounts && k.archived != nil {
				a.Archived = time.Time{}
			}
			if moved := !a.Archived.IsZero() && (k.archived == nil || !k.archived.Equal(micro(a.Archived))); moved {
				ap.archivingMoved(a.Archived)
				if k.archived != nil {
					ap.archivingMoved(*k.archived)
				}
				regrouped.add(ap.accounts[a.Ref].id, k.archived != nil)
			} else if again = a.InUse && k.archived != nil; again {
				ap.archivingMoved(*k.archived)
				regrouped.add(ap.accounts[a.Ref].id, true)
			} else if !named {
				continue
			}
		}
		refs, kinds, issuers = append(refs, a.Ref), append(kinds, a.Kind), append(issuers, a.Issues())
		names, used = append(names, cmp.Or(a.Name, a.Ref)), append(used, again)
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
	if err := regrouped.write(ctx, ap.tx); err != nil {
		return err
	}
	// Only what is selected knows the arguments: on Citus, ON CONFLICT may not. One that is
	// used again is known, so that minus infinity is never written.
	const query = `
		INSERT INTO accounts AS known (id, ref, kind, issuer, name, holder, opened, archived)
		SELECT nextval('account_ids'), ref, kind, issuer, name, holder, opened, CASE WHEN used THEN '-infinity' ELSE archived END
		FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::boolean[])
			WITH ORDINALITY AS new (ref, kind, issuer, name, holder, opened, archived, used, place)
		ORDER BY place
		ON CONFLICT (ref) DO UPDATE SET
			name = CASE WHEN excluded.name = excluded.ref THEN known.name ELSE excluded.name END,
			archived = nullif(coalesce(excluded.archived, known.archived), '-infinity')
		RETURNING id, ref, kind, issuer, holder`
	rows, _ := ap.tx.Query(ctx, query, refs, kinds, issuers, names, holders, opened, archived, used)
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
	if ap.batch.KeepAccounts {
		return
	}
	if kind := known.party.kind(); a.Kind != kind {
		ap.problems.addField("account", a.Line, a.Ref, "kind", "kind is %s in the ledger and %s in the batch, and never changes", kind, a.Kind)
	}
	if a.Holder != "" && a.Holder != known.holder {
		ap.problems.addField("account", a.Line, a.Ref, "holder", "holder is %s in the ledger and %s in the batch, and never changes",
			quote(known.holder), quote(a.Holder))
	}
	if issues := known.party.issues(); a.Issuer != nil && *a.Issuer != issues {
		ap.problems.addField("account", a.Line, a.Ref, "issuer", "issuer is %t in the ledger and %t in the batch; to change it: exchequer repair --issuer %s=%t",
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
	for i := range ap.batch.Observations {
		if at := ap.batch.Observations[i].At; at.Before(first) {
			first = at
		}
	}
	return first
}

func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func (ap *appender) writeItems(ctx context.Context, known map[string]Item) error {
	var refs, names, groups []string
	for _, i := range slices.SortedFunc(slices.Values(ap.batch.Items), func(a, b Item) int { return cmp.Compare(a.Ref, b.Ref) }) {
		if k, ok := known[i.Ref]; ok && (i.Name == "" || i.Name == i.Ref || i.Name == k.Name) && (i.Group == "" || i.Group == k.Group) {
			continue
		}
		refs, names, groups = append(refs, i.Ref), append(names, cmp.Or(i.Name, i.Ref)), append(groups, i.Group)
	}
	if len(refs) == 0 {
		return nil
	}
	const query = `
		INSERT INTO items AS known (id, ref, name, grouping)
		SELECT nextval('item_ids'), ref, name, grouping
		FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS new (ref, name, grouping, place)
		ORDER BY place
		ON CONFLICT (ref) DO UPDATE SET
			name = CASE WHEN excluded.name = excluded.ref THEN known.name ELSE excluded.name END,
			grouping = CASE WHEN excluded.grouping = '' THEN known.grouping ELSE excluded.grouping END
		RETURNING ref, id`
	rows, _ := ap.tx.Query(ctx, query, refs, names, groups)
	ap.changed[tagItems] = true
	return collectIDs(rows, ap.items)
}
