package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// HiddenName is what is shown in the place of the name of a hidden holder.
const HiddenName = "hidden holder"

// A Holder is what is known of who owns accounts, beside the accounts. It replaces
// what was known before.
type Holder struct {
	Ref    string // as accounts name it
	Name   string // Ref if empty
	Kind   string // such as person, firm, office; may be empty
	Link   string // http or https; may be empty
	Label  string // a short text; may be empty
	Hidden bool   // its accounts count in every sum, and are named nowhere
}

// A Label is a short text that is shown with an account. An empty Text removes it.
type Label struct {
	Account string // account ref
	Text    string
}

// A Merge shows an account as a part of another one of the same kind, both issuers
// or neither, such as two accounts of one person under two names. Sums of both are shown with Into, and its
// holder is the holder of both. Postings stay as they are, so an empty Into undoes
// it. Rollups stay too: a payment between different holders stays a transfer.
type Merge struct {
	Account string // account ref
	Into    string // account ref
}

// A FormerName is a name that an account had until a time. Append keeps it when a
// batch gives an account another name.
type FormerName struct {
	Account string // account ref
	Name    string
	Until   time.Time
}

const (
	maxLabel = 128
	maxLink  = 1024
)

func (c checker) holders(b Batch) {
	seen := make(map[string]bool, len(b.Holders))
	for _, h := range b.Holders {
		report := reporter(c.problems, "holder", "", h.Ref)
		report("ref", required(h.Ref, maxRef))
		report("name", optional(h.Name, maxName))
		report("kind", optional(h.Kind, maxLabel))
		report("link", link(h.Link))
		report("label", optional(h.Label, maxLabel))
		report("ref", repeated(seen, h.Ref))
	}
	seen = make(map[string]bool, len(b.Labels))
	for _, l := range b.Labels {
		report := reporter(c.problems, "label", "", l.Account)
		report("account", required(l.Account, maxRef))
		report("text", optional(l.Text, maxLabel))
		report("account", repeated(seen, l.Account))
	}
	seen = make(map[string]bool, len(b.Merges))
	for _, m := range b.Merges {
		report := reporter(c.problems, "merge", "", m.Account)
		report("account", required(m.Account, maxRef))
		report("into", optional(m.Into, maxRef))
		if m.Account == m.Into {
			report("into", "is the account itself")
		}
		report("account", repeated(seen, m.Account))
	}
	for _, n := range b.FormerNames {
		report := reporter(c.problems, "former name", "", n.Account)
		report("account", required(n.Account, maxRef))
		report("name", required(n.Name, maxName))
		report("until", c.time(n.Until))
	}
}

// link returns what is wrong with an optional link, empty if nothing. Links are
// shown to visitors, so other schemes are refused.
func link(s string) string {
	if text := optional(s, maxLink); text != "" || s == "" {
		return text
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return "is " + quote(s) + ", want an address that begins with https://"
	}
	return ""
}

// knownNames writes what is known of holders and accounts, beside the accounts.
func (ap *appender) knownNames(ctx context.Context) error {
	for _, write := range []func(context.Context) error{ap.writeHolders, ap.writeLabels, ap.writeFormerNames, ap.writeMerges} {
		if err := write(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (ap *appender) writeHolders(ctx context.Context) error {
	holders := slices.SortedFunc(slices.Values(ap.batch.Holders), func(a, b Holder) int { return cmp.Compare(a.Ref, b.Ref) })
	n := len(holders)
	if n == 0 {
		return nil
	}
	refs, names, kinds, links := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	labels, hidden := make([]string, n), make([]bool, n)
	for i, h := range holders {
		refs[i], names[i], kinds[i], links[i], labels[i], hidden[i] = h.Ref, cmp.Or(h.Name, h.Ref), h.Kind, h.Link, h.Label, h.Hidden
	}
	const hides = `
		SELECT EXISTS (SELECT FROM unnest($1::text[], $2::boolean[]) AS new (ref, hidden) LEFT JOIN holders known USING (ref)
			WHERE new.hidden AND known.hidden IS DISTINCT FROM true)`
	if err := ap.tx.QueryRow(ctx, hides, refs, hidden).Scan(&ap.rewrites); err != nil {
		return fmt.Errorf("read who is hidden: %w", err)
	}
	const query = `
		INSERT INTO holders AS known (ref, name, kind, link, label, hidden)
		SELECT ref, name, kind, link, label, hidden
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[])
			WITH ORDINALITY AS new (ref, name, kind, link, label, hidden, nr)
		ORDER BY nr
		ON CONFLICT (ref) DO UPDATE SET name = excluded.name, kind = excluded.kind, link = excluded.link,
			label = excluded.label, hidden = excluded.hidden
		WHERE known IS DISTINCT FROM excluded
		RETURNING ref`
	return ap.changes(ctx, "write holders", query, refs, names, kinds, links, labels, hidden)
}

// changes executes a query that changes what is shown of accounts, if it does. The query
// returns something of each row: on Citus, only what is returned is counted right.
func (ap *appender) changes(ctx context.Context, what, query string, args ...any) error {
	tag, err := ap.tx.Exec(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	ap.changed[tagAccounts] = ap.changed[tagAccounts] || tag.RowsAffected() > 0
	return nil
}

func (ap *appender) writeLabels(ctx context.Context) error {
	labels := slices.SortedFunc(slices.Values(ap.batch.Labels), func(a, b Label) int { return cmp.Compare(a.Account, b.Account) })
	if len(labels) == 0 {
		return nil
	}
	var ids []int64
	var texts []string
	for _, l := range labels {
		ids, texts = append(ids, ap.accounts[l.Account].id), append(texts, l.Text)
	}
	const query = `
		UPDATE accounts SET label = text FROM unnest($1::bigint[], $2::text[]) AS new (account, text)
		WHERE id = account AND label <> text`
	return ap.changes(ctx, "write labels", query, ids, texts)
}

// writeFormerNames keeps former names. Of one that an account had several times,
// the latest time counts.
func (ap *appender) writeFormerNames(ctx context.Context) error {
	latest := map[Label]time.Time{}
	for _, n := range ap.batch.FormerNames {
		if key := (Label{n.Account, n.Name}); n.Until.After(latest[key]) {
			latest[key] = n.Until
		}
	}
	if len(latest) == 0 {
		return nil
	}
	var ids []int64
	var names []string
	var until []time.Time
	for key, at := range latest {
		ids, names, until = append(ids, ap.accounts[key.Account].id), append(names, key.Text), append(until, micro(at))
	}
	return ap.changes(ctx, "write former names", keepNames+`
		SELECT account, name, until FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS new (account, name, until)
		ORDER BY account, name`+laterNames, ids, names, until)
}

const (
	keepNames  = `INSERT INTO account_names AS known (account, name, until)`
	laterNames = ` ON CONFLICT (account, name) DO UPDATE SET until = excluded.until WHERE excluded.until > known.until RETURNING account`
)

// keepFormerNames keeps the names of accounts that are about to get others, and
// locks the accounts, so that of two renamings at once each name is kept.
func (ap *appender) keepFormerNames(ctx context.Context, refs, names []string) error {
	const old = `
		SELECT id, old FROM (
			SELECT id, a.name AS old, a.ref, new.name FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new (ref, name, nr)
			JOIN accounts a ON a.ref = new.ref ORDER BY nr FOR UPDATE OF a) AS renamed
		WHERE name <> ref AND old <> name AND old <> ref`
	rows, _ := ap.tx.Query(ctx, old, refs, names)
	former := map[int64]string{}
	var id int64
	var name string
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		former[id] = name
		return nil
	})
	if err != nil || len(former) == 0 {
		return err
	}
	ids := slices.Sorted(maps.Keys(former))
	kept := make([]string, len(ids))
	for i, id := range ids {
		kept[i] = former[id]
	}
	const keep = keepNames + `
		SELECT id, name, now() FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS former (id, name, nr) ORDER BY nr` + laterNames
	_, err = ap.tx.Exec(ctx, keep, ids, kept)
	return err
}

// mergeLock is the advisory lock of those who merge accounts, since merges must not
// form chains.
const mergeLock = 0x6d65726765 // "merge"

func (ap *appender) writeMerges(ctx context.Context) error {
	if len(ap.batch.Merges) == 0 {
		return nil
	}
	if _, err := ap.tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1 # `+LockSalt+`)`, mergeLock); err != nil {
		return fmt.Errorf("wait for other merges: %w", err)
	}
	before, err := ap.merges(ctx)
	if err != nil {
		return fmt.Errorf("read merges: %w", err)
	}
	after, refs := map[int64]int64{}, map[int64]string{}
	for account, target := range before {
		after[account] = target
	}
	for _, m := range ap.batch.Merges {
		account, into := ap.accounts[m.Account], ap.accounts[m.Into]
		refs[account.id], refs[into.id] = m.Account, m.Into
		switch {
		case m.Into == "":
			delete(after, account.id)
			continue
		case account.party != into.party:
			ap.problems.add("merge", "", m.Account, "it is %s, and %s is %s: expected the same", account.party, quote(m.Into), into.party)
		}
		after[account.id] = into.id
	}
	for account, target := range after {
		if _, merged := after[target]; merged {
			ap.problems.add("merge", "", cmp.Or(refs[account], fmt.Sprint("account ", account)), "%s is itself merged into another account: name that one",
				quote(cmp.Or(refs[target], fmt.Sprint("account ", target))))
		}
	}
	if err := ap.problems.err(); err != nil {
		return err
	}
	var moved []int64
	accounts, targets := []int64{}, []int64{} // null would be unequal to every account
	for account := range refs {
		if account != 0 && before[account] != after[account] {
			moved = append(moved, account)
			if target := after[account]; target != 0 {
				accounts, targets = append(accounts, account), append(targets, target)
			}
		}
	}
	if len(moved) == 0 {
		return nil
	}
	ap.changed[tagAccounts], ap.rewrites = true, true // the account may be that of a hidden holder now
	regrouped := regrouping{}
	for _, account := range moved {
		for _, id := range []int64{account, before[account], after[account]} {
			if id != 0 {
				regrouped[id] = nil
			}
		}
	}
	if err := regrouped.write(ctx, ap.tx); err != nil {
		return err
	}
	// The snapshots since the first posting count holders otherwise.
	var first *time.Time
	var batch pgx.Batch
	batch.Queue(`DELETE FROM merges WHERE account = ANY($1) AND NOT account = ANY($2)`, moved, accounts)
	batch.Queue(`
		INSERT INTO merges (account, target) SELECT * FROM unnest($1::bigint[], $2::bigint[])
		ON CONFLICT (account) DO UPDATE SET target = excluded.target`, accounts, targets)
	batch.Queue(`SELECT min(day) FROM account_days WHERE account = ANY($1)`, moved).QueryRow(func(row pgx.Row) error {
		return row.Scan(&first)
	})
	if err := ap.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("write merges: %w", err)
	}
	if first != nil {
		ap.archivingMoved(*first)
	}
	return nil
}

// merges returns the merges of the accounts that the batch's merges name.
func (ap *appender) merges(ctx context.Context) (map[int64]int64, error) {
	var ids []int64
	for _, m := range ap.batch.Merges {
		ids = append(ids, ap.accounts[m.Account].id, ap.accounts[m.Into].id)
	}
	known := map[int64]int64{}
	rows, _ := ap.tx.Query(ctx, `SELECT account, target FROM merges WHERE account = ANY($1) OR target = ANY($1)`, ids)
	var account, target int64
	_, err := pgx.ForEachRow(rows, []any{&account, &target}, func() error {
		known[account] = target
		return nil
	})
	return known, err
}

// Found is an account that was found by a name.
type Found struct {
	Ref, Name string
	Kind      Kind
	Former    string // the former name by which it was found, or the name of an account merged into it; empty otherwise
}

const (
	mostFound   = 20   // bounds what Find returns
	mostOfAName = 1000 // bounds what it reads, where very many accounts have one name
)

// Find returns the accounts whose ref, name or former name is the given one,
// ignoring case, at most 20, by ref. An account that is merged is found as the one
// into which it is merged. Accounts of hidden holders are not found.
func (l *Ledger) Find(ctx context.Context, name string) ([]Found, error) {
	const query = `
		SELECT DISTINCT ON (t.ref) t.ref, t.name, t.kind,
			CASE WHEN lower(t.ref) = lower($1) OR lower(t.name) = lower($1) THEN '' ELSE hit.name END
		FROM (
			(SELECT id, ref AS name FROM accounts WHERE ref = $1 OR lower(ref) = lower($1) LIMIT $3)
			UNION ALL (SELECT id, name FROM accounts WHERE lower(name) = lower($1) LIMIT $3)
			UNION ALL (SELECT account, name FROM account_names WHERE lower(name) = lower($1) LIMIT $3)
		) AS hit
		JOIN accounts a ON a.id = hit.id
		LEFT JOIN merges m ON m.account = hit.id
		JOIN accounts t ON t.id = coalesce(m.target, hit.id)
		WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))
		ORDER BY t.ref, 4 LIMIT $2`
	if len(name) > maxName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return nil, nil
	}
	rows, _ := l.reads(ctx).Query(ctx, query, name, mostFound, mostOfAName)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Found])
	if err != nil {
		return nil, fmt.Errorf("find an account by name: %w", err)
	}
	return found, nil
}
