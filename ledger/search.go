package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Match is how something was found by a text. Case does not matter.
type Match int

// The ways, the best one first.
const (
	MatchExact    Match = iota // its ref or a name is the text
	MatchBegins                // begins with it
	MatchContains              // contains it
	MatchSimilar               // is spelled alike
)

// What a search finds.
const (
	HitAccounts     = "accounts"
	HitHolders      = "holders"
	HitItems        = "items"
	HitShops        = "shops"
	HitPlaces       = "places"
	HitTransactions = "transactions"
)

// MostHits is how many of each kind a search returns.
const MostHits = 8

// Hits is what a search has found.
type Hits struct {
	Groups []HitGroup // those that have any, in the order above
	// Cut means that what is spelled alike was not looked for to the end.
	Cut bool
}

// A HitGroup is what was found of one kind, the best ones first.
type HitGroup struct {
	What string
	Hits []Hit
	More bool // others were found too
}

// A Hit is something that a search has found. It has no more than its kind has.
type Hit struct {
	Match    Match  `db:"-"`
	Ref      string // none of a place
	Name     string // of a shop its place, of a transaction its message
	Said     string // what the text was compared with: the ref, a name, a former name, or that of an account merged into it
	Kind     Kind   // of an account, or of the account of a holder
	Note     string // the group of an item, the kind of a place
	Account  string // where a holder's accounts are found
	Accounts int64  // of a holder
	Owner    string // of a shop; empty if its holder is hidden
	World    string // of a shop or a place
	X, Z     *int64 // of a place
	Gone     bool   // archived, or closed
	Origin   string // of a transaction
	Source   string
	At       time.Time

	Exact bool    // as the query found it
	Alike float32 // how much what is spelled alike is
}

// key tells a hit from others of its kind.
func (h *Hit) key() [3]string { return [3]string{h.Ref, h.Origin + h.World, cmp.Or(h.Ref, h.Name)} }

// What a search reads at most: names of a column that begin with the text, those of
// hidden holders among them; that contain it, unless more are wanted; that are spelled
// alike, of which the best ones count; rows of a table in which the text is looked for
// without an index, and transactions whose message is looked at, the newest ones. They
// stand in the queries, which are planned once.
const (
	mostBegun     = `2000`
	mostContained = 100
	mostAlike     = `500`
	mostScanned   = `5000`
	mostMessages  = `2000`
)

const (
	shortest    = 3       // characters that are looked for within names; shorter texts stand at their beginning
	alikeEnough = "0.5"   // of the parts of three characters of a text that a name must have
	alikeTime   = "30ms"  // for each kind of what is spelled alike, where very many names have the same parts
	findTime    = "500ms" // for what begins with a text and for what contains it, in [Ledger.FindLike]
)

// A column is one in which a search looks.
type column struct{ table, newest, name string }

// A shelf is how things of one kind are found. Its query has the rows of its columns
// that pass as c.
type shelf struct {
	what    string
	columns []column
	refs    int // how many of the columns, the last ones, are refs: these are not looked into
	query   string
}

// notHidden is the condition that an account and the one as which it is shown are of
// no hidden holder.
const notHidden = `NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder))`

// asShown joins an account with the one as which it is shown.
const asShown = ` LEFT JOIN merges m ON m.account = a.id JOIN accounts t ON t.id = coalesce(m.target, a.id) `

var accountShelf = shelf{
	HitAccounts, []column{{"accounts", "id", "name"}, {"account_names", "account", "name"}, {"accounts", "id", "ref"}}, 1,
	`SELECT t.ref, t.name, t.kind, t.archived IS NOT NULL AS gone, c.said, c.exact, c.alike
	FROM (%s) AS c JOIN accounts a ON a.id = c.id` + asShown + `WHERE ` + notHidden,
}

var shelves = []shelf{
	accountShelf,
	{
		HitHolders, []column{{"holders", "ref", "name"}, {"holders", "ref", "ref"}}, 1,
		`SELECT c.ref, c.name, o.ref AS account, o.kind, o.accounts, c.said, c.exact, c.alike
		FROM (%s) AS c CROSS JOIN LATERAL (
			SELECT own.ref, own.kind, count(*) OVER () AS accounts
			FROM (
				SELECT a.id, a.ref, a.kind FROM accounts a WHERE a.holder = c.ref AND NOT EXISTS (SELECT FROM merges WHERE account = a.id) LIMIT 1000) AS own
			LEFT JOIN balances b ON b.account = own.id
			ORDER BY own.ref = c.ref DESC, b.balance DESC NULLS LAST, own.ref LIMIT 1) AS o
		WHERE NOT c.hidden`,
	},
	{
		HitItems, []column{{"items", "id", "name"}, {"items", "id", "ref"}}, 1,
		`SELECT c.ref, c.name, c.grouping AS note, c.said, c.exact, c.alike FROM (%s) AS c WHERE true`,
	},
	{
		HitShops, []column{{"shops", "id", "place"}, {"shops", "id", "ref"}}, 1,
		`SELECT c.ref, c.place AS name, c.world, NOT c.active AS gone, CASE WHEN ` + notHidden + ` THEN t.name ELSE '' END AS owner, c.said, c.exact, c.alike
		FROM (%s) AS c JOIN accounts a ON a.id = c.owner` + asShown + `WHERE true`,
	},
	{
		HitPlaces, []column{{"places", "world DESC, name", "name"}}, 0,
		`SELECT c.name, c.world, c.x, c.z, c.kind AS note, c.said, c.exact, c.alike FROM (%s) AS c WHERE true`,
	},
}

// id is the column that account_names has under another name.
func (c column) id() string {
	if c.table == "account_names" {
		return ", account AS id"
	}
	return ""
}

// rows returns the query for the rows of a column that pass.
func (c column) rows(how Match, trigrams bool, limit int) string {
	contained := fmt.Sprint(max(limit, mostContained))
	lower := "lower(" + c.name + ")"
	from, alike, rest := c.table, "0::real", ""
	switch {
	case how == MatchBegins:
		// The operators compare bytes, as the index does.
		rest = lower + ` ~>=~ lower(@text) AND ` + lower + ` ~<~ (lower(@text) || @last) ORDER BY ` + lower + ` USING ~<~ LIMIT ` + mostBegun
	case how == MatchSimilar:
		alike = `word_similarity(lower(@text), ` + lower + `) + similarity(lower(@text), ` + lower + `)`
		from = `(SELECT * FROM ` + c.table + ` WHERE lower(@text) <% ` + lower + ` LIMIT ` + mostAlike + `) AS near`
		rest = `true ORDER BY alike DESC LIMIT ` + contained
	case trigrams:
		rest = lower + ` LIKE lower(@like) LIMIT ` + contained
	default:
		from = `(SELECT * FROM ` + c.table + ` ORDER BY ` + c.newest + ` DESC LIMIT ` + mostScanned + `) AS newest`
		rest = lower + ` LIKE lower(@like) LIMIT ` + contained
	}
	return `SELECT *` + c.id() + `, ` + c.name + ` AS said, ` + lower + ` AS key, ` + lower + ` = lower(@text) AS exact, ` + alike + ` AS alike FROM ` + from + ` WHERE ` + rest
}

// find returns the query by which things are found, at most limit of a column that
// begin with the text.
func (s shelf) find(how Match, trigrams bool, limit int) string {
	columns, order := s.columns, ``
	if how == MatchBegins {
		order = ` ORDER BY c.key USING ~<~ LIMIT ` + fmt.Sprint(limit)
	} else {
		columns = columns[:len(columns)-s.refs]
	}
	var parts []string
	for _, c := range columns {
		parts = append(parts, `(`+fmt.Sprintf(s.query, c.rows(how, trigrams, limit))+order+`)`)
	}
	return strings.Join(parts, ` UNION ALL `)
}

const (
	// Of transactions and sales, whose refs are in one table.
	transactionsByRef = `
		SELECT t.ref, t.message AS name, c.ref AS said, t.origin, t.source, t.at, c.ref = @text AS exact
		FROM (SELECT ref, what, id FROM refs WHERE ref >= @text AND ref < (@text || @last) ORDER BY ref LIMIT ` + mostBegun + `) AS c JOIN transactions t ON t.id = c.id
		WHERE c.what = 't' AND (@long OR c.ref = @text)
		ORDER BY c.ref LIMIT 9`
	transactionsByText = `
		SELECT ref, message AS name, message AS said, origin, source, at, false AS exact
		FROM (SELECT * FROM transactions ORDER BY at DESC, id DESC LIMIT ` + mostMessages + `) AS newest
		WHERE @long AND position(lower(@text) IN lower(message)) > 0
		ORDER BY at DESC, id DESC LIMIT 9`
	// A holder of whom nothing is known has no row.
	holderByAccounts = `
		SELECT a.holder AS ref, a.holder AS name, a.ref AS account, a.kind, 1::bigint AS accounts, a.holder AS said, true AS exact
		FROM accounts a
		WHERE a.holder = @text AND NOT EXISTS (SELECT FROM holders WHERE ref = @text) AND NOT EXISTS (SELECT FROM merges WHERE account = a.id)
		ORDER BY a.ref LIMIT 1`
	// A scan of a table is not bounded by what it finds. To plan the queries takes
	// longer than to run them. The index knows texts by their runs of three letters or
	// digits, as the database sees them: for a text without one it would read all names.
	haveTrigrams = `SELECT to_regclass('accounts_trigrams') IS NOT NULL AND lower($1) ~ '[[:alnum:]]{3}'`
	// It reads a table of one row so that on Citus the node gets the settings which has the
	// ledger.
	prepareSearch = `
		SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
			set_config('pg_trgm.word_similarity_threshold', $1, true)
		FROM archive`
)

// Search returns what a text may mean: accounts, holders, items, shops and places by
// their names and refs, and transactions by their refs and messages. Merged accounts
// are found as those into which they are merged; hidden holders and their accounts
// are not found. It reads indexes, and a bounded number of rows of them, whatever the
// text is. What is spelled alike is found if the database has pg_trgm, and nothing
// better is found.
func (l *Ledger) Search(ctx context.Context, text string) (*Hits, error) {
	if !searchable(text) {
		return &Hits{}, nil
	}
	s := newSearch(text, MostHits+1)
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, l.reads(ctx), options, func(tx pgx.Tx) error { return s.read(ctx, tx) })
	if canceled := (*pgconn.PgError)(nil); errors.As(err, &canceled) && canceled.Code == "57014" && s.alike {
		s.cut, err = true, nil
	}
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return s.hits(), nil
}

// FindLike returns accounts with names that begin with a text or contain it, or refs
// that begin with it, at most limit. It finds as [Ledger.Find] does otherwise.
func (l *Ledger) FindLike(ctx context.Context, text string, limit int) ([]Found, error) {
	if !searchable(text) {
		return nil, nil
	}
	s := newSearch(text, limit)
	s.shelves = []shelf{accountShelf}
	err := pgx.BeginTxFunc(ctx, l.reads(ctx), pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := withinTime(ctx, tx, findTime); err != nil {
			return err
		}
		if err := s.begin(ctx, tx); err != nil {
			return err
		}
		return s.look(ctx, tx, MatchContains, s.shelves)
	})
	if err != nil {
		return nil, fmt.Errorf("find accounts: %w", err)
	}
	var found []Found
	for _, h := range s.found[HitAccounts] {
		found = append(found, Found{Ref: h.Ref, Name: h.Name, Kind: h.Kind})
	}
	return found[:min(len(found), limit)], nil
}

// searchable reports whether the database can compare a text.
func searchable(text string) bool {
	return text != "" && len(text) <= maxName && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// A search is one under way.
type search struct {
	text     string
	limit    int // of each kind
	args     pgx.NamedArgs
	shelves  []shelf
	trigrams bool // the index of parts of names has the text
	alike    bool // what is spelled alike is being looked for
	cut      bool
	found    map[string][]Hit // by what it is, the best ones first
}

func newSearch(text string, limit int) *search {
	like := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
	return &search{text: text, limit: limit, shelves: shelves, found: map[string][]Hit{}, args: pgx.NamedArgs{
		"text": text, "like": "%" + like + "%", "last": string(utf8.MaxRune), "long": utf8.RuneCountInString(text) >= shortest,
	}}
}

func (s *search) read(ctx context.Context, tx pgx.Tx) error {
	if err := s.begin(ctx, tx); err != nil {
		return err
	}
	var batch pgx.Batch
	s.queue(&batch, HitTransactions, MatchBegins, transactionsByRef)
	s.queue(&batch, HitTransactions, MatchContains, transactionsByText)
	s.queue(&batch, HitHolders, MatchBegins, holderByAccounts)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	if s.args["long"] == false {
		return nil
	}
	if err := s.look(ctx, tx, MatchContains, s.lacking()); err != nil {
		return err
	}
	if !s.trigrams || len(s.found) > 0 {
		return nil
	}
	if err := withinTime(ctx, tx, alikeTime); err != nil {
		return err
	}
	s.alike = true
	return s.look(ctx, tx, MatchSimilar, s.shelves)
}

// begin looks for what begins with the text.
func (s *search) begin(ctx context.Context, tx pgx.Tx) error {
	var settings pgx.Batch
	settings.Queue(haveTrigrams, s.text).QueryRow(func(row pgx.Row) error { return row.Scan(&s.trigrams) })
	settings.Queue(prepareSearch, alikeEnough)
	if err := tx.SendBatch(ctx, &settings).Close(); err != nil {
		return err
	}
	return s.look(ctx, tx, MatchBegins, s.shelves)
}

// withinTime bounds each further statement of a transaction.
func withinTime(ctx context.Context, tx pgx.Tx, time string) error {
	_, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, time)
	return err
}

// lacking returns the shelves of which fewer things were found than there may be.
func (s *search) lacking() (all []shelf) {
	for _, of := range s.shelves {
		if len(s.found[of.what]) < s.limit {
			all = append(all, of)
		}
	}
	return all
}

func (s *search) look(ctx context.Context, tx pgx.Tx, how Match, in []shelf) error {
	var batch pgx.Batch
	for _, of := range in {
		s.queue(&batch, of.what, how, of.find(how, s.trigrams, s.limit))
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// queue adds a query for things of one kind to the batch.
func (s *search) queue(batch *pgx.Batch, what string, how Match, query string) {
	batch.Queue(query, s.args).Query(func(rows pgx.Rows) error {
		hits, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[Hit])
		for i := range hits {
			if hits[i].Match = how; hits[i].Exact {
				hits[i].Match = MatchExact
			}
		}
		if len(hits) > 0 {
			s.found[what] = s.best(append(s.found[what], hits...))
		}
		return err
	})
}

// best returns the hits in their order, each thing once.
func (s *search) best(hits []Hit) []Hit {
	slices.SortStableFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Match, b.Match), cmp.Compare(b.Alike, a.Alike), cmp.Compare(s.within(a.Said), s.within(b.Said)),
			b.At.Compare(a.At), cmp.Compare(strings.ToLower(a.Said), strings.ToLower(b.Said)), slices.Compare(keyOf(a), keyOf(b)))
	})
	seen := make(map[[3]string]bool, len(hits))
	return slices.DeleteFunc(hits, func(h Hit) bool {
		known := seen[h.key()]
		seen[h.key()] = true
		return known
	})
}

func keyOf(h Hit) []string { k := h.key(); return k[:] }

// within returns 1 if the text stands in the middle of a word.
func (s *search) within(said string) int {
	before, _, found := strings.Cut(strings.ToLower(said), strings.ToLower(s.text))
	if last, _ := utf8.DecodeLastRuneInString(before); found && (unicode.IsLetter(last) || unicode.IsDigit(last)) {
		return 1
	}
	return 0
}

// hits returns what was found, without holders who are found as their only account.
func (s *search) hits() *Hits {
	found := &Hits{Cut: s.cut}
	s.found[HitHolders] = slices.DeleteFunc(s.found[HitHolders], func(h Hit) bool {
		return h.Accounts == 1 && slices.ContainsFunc(s.found[HitAccounts], func(a Hit) bool { return a.Ref == h.Account && a.Match <= h.Match })
	})
	for _, what := range []string{HitAccounts, HitHolders, HitItems, HitShops, HitPlaces, HitTransactions} {
		if hits := s.found[what]; len(hits) > 0 {
			found.Groups = append(found.Groups, HitGroup{what, hits[:min(len(hits), MostHits)], len(hits) > MostHits})
		}
	}
	return found
}
