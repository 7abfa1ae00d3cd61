package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// An EntryFilter selects transactions. What is zero selects all.
type EntryFilter struct {
	Since    time.Time // from here
	Until    time.Time // before here
	Source   string
	From, To Side   // that paid and that received; of one without a kind, all
	Least    int64  // amount moved
	Text     string // in the message, ignoring case
	Account  string // ref or name

	// Postings and ByDay ask for what is read beside: postings of each transaction, and
	// sums by day.
	Postings, ByDay bool
}

// Sifted reports whether transactions are looked through for those that are wanted:
// no index serves the filter.
func (f EntryFilter) Sifted() bool {
	return f.Text != "" || f.Least > 0 || f.From.Kind != "" || f.To.Kind != "" || f.Source != "" && f.Account != ""
}

// An Entry is a transaction, as the list of all has it.
type Entry struct {
	Header
	Postings int64 // at most mostEntryPostings + 1
	// Large means that there are too many postings to be read for a list: the sums
	// and sides are not known.
	Large  bool
	Volume int64 // what accounts gained on balance
	// From paid the most and To received the most, of Payers and Receivers.
	From, To          Party
	Payers, Receivers int
	Legs              []Leg // the first postings, at most 40, without balances; nil unless they are asked for
}

// Entries is a part of the list of all transactions.
type Entries struct {
	Entries []Entry
	Looked  int     // transactions that were looked at
	Next    *Cursor // where the list goes on; nil at its end
	// Cut means that what was not found until Next was not looked for any further.
	Cut bool
	// Days are the sums of what the filter selects; nil unless they are asked for.
	Days *EntryDays
	// Unknown means that no account has the name, and Several that many have.
	Unknown, Several bool
}

// What a part of the list reads at most. A filter that no index serves is applied to
// what was read.
const (
	mostEntryPostings = 5000    // of one transaction
	mostPostingsRead  = 100_000 // of all; the last transaction may pass it
	fewPostings       = 40      // of one transaction, so many are read with those of others
	entriesStep       = 250     // transactions whose postings are read together
)

// Transactions returns transactions before a place, newest first, at most limit. It
// looks at most at [MostLooked] transactions, so a part may have fewer, or none, and
// the list still goes on. An account of a hidden holder is unknown.
func (l *Ledger) Transactions(ctx context.Context, f EntryFilter, before Cursor, limit int) (*Entries, error) {
	r := &entryReader{db: l.reads(ctx), filter: f, at: before}
	if !f.Until.IsZero() && f.Until.Before(before.At) {
		r.at = Before(f.Until)
	}
	if f.Account != "" {
		if err := r.findAccount(ctx, l); err != nil {
			return nil, fmt.Errorf("transactions: find the account: %w", err)
		}
		if r.own == nil {
			return &r.found, nil
		}
	}
	var err error
	if r.own == nil {
		err = r.read(ctx, limit)
	} else {
		err = pgx.BeginTxFunc(ctx, l.reads(ctx), newestFirst, func(tx pgx.Tx) error {
			r.db = tx
			return r.read(ctx, limit)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("transactions: %w", err)
	}
	return &r.found, nil
}

// An entryReader reads one part of the list.
type entryReader struct {
	db interface {
		Query(context.Context, string, ...any) (pgx.Rows, error)
		QueryRow(context.Context, string, ...any) pgx.Row
	}
	filter   EntryFilter
	own      []int64 // accounts; nil: all
	at       Cursor  // of the last transaction that was looked at
	found    Entries
	postings int // read
	shown    [][2]int64
	legs     [][]entryPosting // of the entries, if they are asked for
}

// findAccount sets the accounts that are shown as the one by this ref or name.
func (r *entryReader) findAccount(ctx context.Context, l *Ledger) error {
	const query = `
		SELECT t.id || ARRAY(SELECT account FROM merges WHERE target = t.id)
		FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
		WHERE a.ref = $1 AND NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))`
	find := func(ref string) (err error) {
		rows, _ := r.db.Query(ctx, query, ref)
		own, err := pgx.CollectRows(rows, pgx.RowTo[[]int64])
		if len(own) > 0 {
			r.own = own[0]
		}
		return err
	}
	if err := find(r.filter.Account); err != nil || r.own != nil {
		return err
	}
	named, err := l.Find(ctx, r.filter.Account)
	switch {
	case err != nil:
		return err
	case len(named) == 1:
		if err := find(named[0].Ref); err != nil {
			return err
		}
	}
	r.found.Several = len(named) > 1
	r.found.Unknown = r.own == nil && !r.found.Several
	return nil
}

func (r *entryReader) read(ctx context.Context, limit int) (err error) {
	sum := r.filter.ByDay && !r.filter.rollups()
	most := limit
	if sum {
		most = MostLooked
	}
	if err := r.find(ctx, most); err != nil {
		return err
	}
	switch {
	case sum:
		err = r.sumDays(ctx, limit)
	case r.filter.ByDay:
		err = r.readDays(ctx)
	}
	if err != nil {
		return fmt.Errorf("by day: %w", err)
	}
	return r.name(ctx)
}

// find reads transactions until it has found so many, or has looked at as many as it may.
func (r *entryReader) find(ctx context.Context, limit int) error {
	for {
		step := limit + 1 - len(r.found.Entries)
		if r.filter.Sifted() {
			step = min(max(step, entriesStep), MostLooked-r.found.Looked)
		}
		looked, hits, err := r.look(ctx, step)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(hits, entriesStep) {
			done, err := r.sift(ctx, part)
			if err != nil {
				return err
			}
			r.at = part[done-1].Cursor
			if len(r.found.Entries) > limit || r.postings > mostPostingsRead {
				break
			}
		}
		stopped := len(hits) > 0 && r.at != hits[len(hits)-1].Cursor
		if stopped {
			looked = looked[:slices.Index(looked, r.at)+1]
		} else if len(looked) > 0 {
			r.at = looked[len(looked)-1]
		}
		r.found.Looked += len(looked)
		switch {
		case len(r.found.Entries) > limit:
			r.found.Entries = r.found.Entries[:limit]
			next := r.found.Entries[limit-1].Cursor
			r.found.Next = &next
		case !stopped && len(looked) < step:
			// the list ends
		case stopped, r.found.Looked >= MostLooked, r.postings > mostPostingsRead:
			next := r.at
			r.found.Next, r.found.Cut = &next, true
		default:
			continue
		}
		return nil
	}
}

const (
	entriesOfAll = `
		SELECT at, id, origin, ref, source, message FROM transactions
		WHERE (at, id) < (@at, @id) AND at >= @since
		ORDER BY at DESC, id DESC LIMIT @step`
	entriesOfSource = `
		SELECT at, id, origin, ref, source, message FROM transactions
		WHERE source = @source AND (at, id) < (@at, @id) AND at >= @since
		ORDER BY at DESC, id DESC LIMIT @step`
	entriesOfAccounts = `
		SELECT t.at, t.id, t.origin, t.ref, t.source, t.message FROM (
			SELECT newest.* FROM unnest(@own::bigint[]) AS own, LATERAL (
				SELECT at, transaction FROM postings
				WHERE account = own AND (at, transaction) < (@at, @id) AND at BETWEEN @since AND @at
				GROUP BY at, transaction ORDER BY at DESC, transaction DESC LIMIT @step) AS newest
			GROUP BY at, transaction ORDER BY at DESC, transaction DESC LIMIT @step) AS p
		JOIN transactions t ON t.id = p.transaction
		ORDER BY p.at DESC, p.transaction DESC`
)

// look returns the places of the transactions that follow, at most step, and those of
// them whose source and message are asked for.
func (r *entryReader) look(ctx context.Context, step int) (looked []Cursor, hits []Entry, err error) {
	from := entriesOfAll
	switch {
	case r.own != nil:
		from = entriesOfAccounts
	case r.filter.Source != "":
		from = entriesOfSource
	}
	query := `
		SELECT at, id, hit, CASE WHEN hit THEN origin ELSE '' END, CASE WHEN hit THEN ref ELSE '' END, source, CASE WHEN hit THEN message ELSE '' END
		FROM (SELECT *, (@source = '' OR source = @source) AND (@text = '' OR position(lower(@text) IN lower(message)) > 0) AS hit FROM (` + from + `) AS x) AS y
		ORDER BY at DESC, id DESC`
	since := r.filter.Since
	if since.IsZero() {
		since = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, _ := r.db.Query(ctx, query, pgx.NamedArgs{
		"at": r.at.At, "id": r.at.Transaction, "since": since, "step": step,
		"source": r.filter.Source, "text": r.filter.Text, "own": r.own,
	})
	var e Entry
	var hit bool
	_, err = pgx.ForEachRow(rows, []any{&e.At, &e.Transaction, &hit, &e.Origin, &e.Ref, &e.Source, &e.Message}, func() error {
		looked = append(looked, e.Cursor)
		if hit {
			hits = append(hits, e)
		}
		return nil
	})
	return looked, hits, err
}

// entryPostings reads the postings of some transactions, with the account as which
// each is shown.
const entryPostings = `
	SELECT p.transaction, p.account, coalesce(m.target, p.account), p.amount, a.kind, a.issuer
	FROM unnest($1::bigint[], $2::timestamptz[]) AS x (id, at), LATERAL (
		SELECT transaction, seq, account, amount FROM postings p WHERE transaction = x.id AND p.at = x.at ORDER BY seq LIMIT $3) AS p
	JOIN accounts a ON a.id = p.account LEFT JOIN merges m ON m.account = p.account`

// An entryPosting is a posting of a transaction that may be listed.
type entryPosting struct {
	leg
	shown int64
}

// postingsOf reads the postings of transactions, at most so many of each.
func (r *entryReader) postingsOf(ctx context.Context, of []Entry, most int) (map[int64][]entryPosting, error) {
	ids, times := make([]int64, len(of)), make([]time.Time, len(of))
	for i, e := range of {
		ids[i], times[i] = e.Transaction, e.At
	}
	read := map[int64][]entryPosting{}
	rows, _ := r.db.Query(ctx, entryPostings, ids, times, most)
	var id int64
	var p entryPosting
	var side Side
	_, err := pgx.ForEachRow(rows, []any{&id, &p.account, &p.shown, &p.amount, &side.Kind, &side.Issuer}, func() error {
		p.party = side.party()
		read[id] = append(read[id], p)
		r.postings++
		return nil
	})
	return read, err
}

// sift adds those of some transactions that are asked for to what was found, and
// returns how many it came to. It reads a few postings of all at once. A transaction
// with more is read by itself, and after one that passes mostPostingsRead it stops.
func (r *entryReader) sift(ctx context.Context, hits []Entry) (done int, err error) {
	read, err := r.postingsOf(ctx, hits, fewPostings+1)
	if err != nil {
		return 0, err
	}
	for i, e := range hits {
		postings := read[e.Transaction]
		if len(postings) > fewPostings {
			whole, err := r.postingsOf(ctx, hits[i:i+1], mostEntryPostings+1)
			if err != nil {
				return 0, err
			}
			postings = whole[e.Transaction]
		}
		r.add(e, postings)
		if r.postings > mostPostingsRead {
			return i + 1, nil
		}
	}
	return len(hits), nil
}

// add adds a transaction with these postings to what was found if it is asked for.
func (r *entryReader) add(e Entry, postings []entryPosting) {
	e.Postings, e.Large = int64(len(postings)), len(postings) > mostEntryPostings
	legs, nets := make([]leg, 0, len(postings)), map[int64]int64{}
	for _, p := range postings {
		legs = append(legs, p.leg)
		nets[p.shown] += p.amount
	}
	var sides [2]int64
	if !e.Large {
		m := move(legs)
		if e.Volume = m.volume; e.Volume < r.filter.Least || !r.between(m) {
			return
		}
		sides[0], sides[1] = e.sides(nets)
	}
	r.found.Entries, r.shown = append(r.found.Entries, e), append(r.shown, sides)
	if r.filter.Postings {
		r.legs = append(r.legs, postings[:min(len(postings), fewPostings)])
	}
}

// between reports whether money moved between the sides that are asked for.
func (r *entryReader) between(m movement) bool {
	from, to := r.filter.From, r.filter.To
	if from.Kind == "" && to.Kind == "" {
		return true
	}
	for f := range m.flows {
		for t, volume := range m.flows[f] {
			if volume > 0 && (from.Kind == "" || from.party() == party(f)) && (to.Kind == "" || to.party() == party(t)) {
				return true
			}
		}
	}
	return false
}

// sides counts who paid and who received on balance, and returns the accounts that
// did the most; of equal ones that which is older. What nobody paid on balance was
// paid by an account to itself.
func (e *Entry) sides(nets map[int64]int64) (from, to int64) {
	ids := slices.Sorted(maps.Keys(nets))
	for _, id := range ids {
		switch net := nets[id]; {
		case net < 0:
			if e.Payers++; from == 0 || net < nets[from] {
				from = id
			}
		case net > 0:
			if e.Receivers++; to == 0 || net > nets[to] {
				to = id
			}
		}
	}
	if from == 0 && len(ids) > 0 {
		from, to, e.Payers, e.Receivers = ids[0], ids[0], len(ids), len(ids)
	}
	return from, to
}

// name sets the names of the accounts of the entries.
func (r *entryReader) name(ctx context.Context) error {
	var ids []int64
	for i := range r.found.Entries {
		ids = append(ids, r.shown[i][:]...)
		if r.legs != nil {
			for _, p := range r.legs[i] {
				ids = append(ids, p.shown)
			}
		}
	}
	slices.Sort(ids)
	const query = `
		SELECT a.id, CASE WHEN hidden THEN '' ELSE t.ref END, CASE WHEN hidden THEN '` + HiddenName + `' ELSE t.name END, t.kind
		FROM accounts a LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id)
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM holders WHERE hidden AND ref = t.holder) AS hidden) h
		WHERE a.id = ANY($1)`
	rows, _ := r.db.Query(ctx, query, slices.Compact(ids))
	names := map[int64]Party{}
	var id int64
	var p Party
	_, err := pgx.ForEachRow(rows, []any{&id, &p.Ref, &p.Name, &p.Kind}, func() error {
		names[id] = p
		return nil
	})
	for i := range r.found.Entries {
		e := &r.found.Entries[i]
		e.From, e.To = names[r.shown[i][0]], names[r.shown[i][1]]
		if r.legs == nil {
			continue
		}
		for _, p := range r.legs[i] {
			e.Legs = append(e.Legs, Leg{Account: names[p.shown], Amount: p.amount})
		}
	}
	return err
}
