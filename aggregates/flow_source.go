package aggregates

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
	"exchequer/ledger"
)

// A Party is one side of flows: the accounts of a kind that issue money, or those
// that do not. The zero value is everybody.
type Party struct {
	Kind   ledger.Kind `json:"kind" enum:"personal,business,government,system"`
	Issuer bool        `json:"issuer" doc:"Whether its accounts issue money."`
}

// Parties returns all parties, in the order of their kinds, issuers last.
func Parties() []Party {
	var all []Party
	for _, k := range ledger.Kinds() {
		all = append(all, Party{k, false}, Party{k, true})
	}
	return all
}

// Key names the party in addresses and cache keys: "personal", "system-issuer",
// "any".
func (p Party) Key() string {
	switch {
	case p.Kind == "":
		return "any"
	case p.Issuer:
		return string(p.Kind) + "-issuer"
	}
	return string(p.Kind)
}

// ParseParty returns the named party, and everybody for any other name.
func ParseParty(s string) Party {
	for _, p := range Parties() {
		if p.Key() == s {
			return p
		}
	}
	return Party{}
}

// SourceQuery selects what moved by the transactions of one source, and between
// whom. Each source is a key with each two parties, so the caller checks first that
// there is such a source, and such a flow: see [Sources].
type SourceQuery struct {
	Source   string
	From, To Party
	Days     Days
}

// Key is "shop:personal:any:30". The source is escaped, so it contains no colon.
func (q SourceQuery) Key() string {
	return url.QueryEscape(q.Source) + ":" + q.From.Key() + ":" + q.To.Key() + ":" + q.Days.Key()
}

// Sources reports which sources there are, and between whom each moved anything.
type Sources struct {
	*Exists
	moved func(ctx context.Context, q SourceQuery) (bool, error)
}

// NewSources returns a Sources that calls moved for flows between two parties that
// it does not remember.
func NewSources(refs *Exists, moved func(ctx context.Context, q SourceQuery) (bool, error)) *Sources {
	return &Sources{refs, moved}
}

func sourcesIn(reads Reads, places *semaphore.Weighted) *Sources {
	refs := existsIn(reads, places, `SELECT EXISTS (SELECT FROM flow_hours WHERE source = $1)`)
	return NewSources(refs, func(ctx context.Context, q SourceQuery) (moved bool, err error) {
		const query = `SELECT EXISTS (SELECT FROM flow_hours WHERE ` + ofSource + `)`
		if err := reads.pool(ctx).QueryRow(ctx, query, q.parties()).Scan(&moved); err != nil {
			return false, fmt.Errorf("look up a flow: %w", err)
		}
		return moved, nil
	})
}

// Moved reports whether a source that exists ever moved anything between the parties
// of the query, as [Exists.Has] does for refs.
func (s *Sources) Moved(ctx context.Context, q SourceQuery) (bool, error) {
	if q.From == (Party{}) && q.To == (Party{}) {
		return true, nil
	}
	key := q.From.Key() + "\x00" + q.To.Key() + "\x00" + q.Source // no ref has such a byte
	return s.remember(ctx, key, func(ctx context.Context) (bool, error) { return s.moved(ctx, q) })
}

// SourceDays is what moved by the transactions of one source in a period, day by
// day.
type SourceDays struct {
	Basis
	Source    string               `json:"source"`
	From      string               `json:"from" doc:"Who paid: a kind of account, with -issuer if those that issue money are meant; any: everybody."`
	To        string               `json:"to" doc:"Who received, likewise."`
	Volume    Compared[ledger.Sum] `json:"volume" doc:"What accounts gained on balance, transaction by transaction."`
	Created   Compared[ledger.Sum] `json:"created" doc:"Of it, from issuers to all others."`
	Destroyed Compared[ledger.Sum] `json:"destroyed" doc:"Of it, from all others to issuers."`
	Bucket    string               `json:"bucket" enum:"day,week,month,year,decade" doc:"What an entry of moves stands for."`
	Moves     []SourceMoves        `json:"moves" nullable:"false" doc:"Oldest first; where nothing moved: zero."`
	Largest   []LargeMove          `json:"largest" nullable:"false" doc:"The 10 transactions that moved most between the two, largest first, of equal ones the one that was written first. The last day is that so far."`
}

// SourceMoves is what moved on one day, or in one week (from Monday), month, year
// or decade.
type SourceMoves struct {
	Start     time.Time  `json:"start"`
	Volume    ledger.Sum `json:"volume"`
	Created   ledger.Sum `json:"created"`
	Destroyed ledger.Sum `json:"destroyed"`
	Partial   bool       `json:"partial" doc:"It is not over, or the period begins within it."`
}

// ComputeSource reads what moved by one source in the period that ends with w's
// start.
func ComputeSource(ctx context.Context, db *pgxpool.Pool, w cache.Window, q SourceQuery) (*SourceDays, error) {
	v := &SourceDays{Source: q.Source, From: q.From.Key(), To: q.To.Key(), Bucket: "day", Moves: []SourceMoves{}, Largest: []LargeMove{}}
	fill := func(ctx context.Context, tx pgx.Tx, s span) error { return v.fill(ctx, tx, s, q) }
	if err := v.read(ctx, db, w, q.Days, fill); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return v, nil
}

// ofSource is the condition of the flows of a query.
const ofSource = `source = @source AND (@from_kind = '' OR from_kind = @from_kind AND from_issuer = @from_issuer)
	AND (@to_kind = '' OR to_kind = @to_kind AND to_issuer = @to_issuer)`

// parties returns the arguments of ofSource.
func (q SourceQuery) parties() pgx.NamedArgs {
	return pgx.NamedArgs{
		"source": q.Source, "from_kind": string(q.From.Kind), "from_issuer": q.From.Issuer, "to_kind": string(q.To.Kind), "to_issuer": q.To.Issuer,
	}
}

func (q SourceQuery) args(s span) pgx.NamedArgs {
	args := s.args()
	maps.Copy(args, q.parties())
	return args
}

func (v *SourceDays) fill(ctx context.Context, tx pgx.Tx, s span, q SourceQuery) error {
	unit, buckets := s.buckets()
	v.Bucket = unit
	for _, b := range buckets {
		v.Moves = append(v.Moves, SourceMoves{Start: b.start, Partial: b.partial})
	}
	query := `
		SELECT ` + localTime + `::date, sum(volume), coalesce(sum(volume) FILTER (WHERE from_issuer AND NOT to_issuer), 0),
			coalesce(sum(volume) FILTER (WHERE to_issuer AND NOT from_issuer), 0)
		FROM flow_hours WHERE hour >= @start AND hour < @through AND ` + ofSource + ` GROUP BY 1`
	rows, _ := tx.Query(ctx, query, q.args(s))
	var at time.Time
	var volume, created, destroyed ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&at, &volume, &created, &destroyed}, func() error {
		m := &v.Moves[bucketOf(buckets, s.index(at))]
		m.Volume, m.Created, m.Destroyed = m.Volume.Plus(volume), m.Created.Plus(created), m.Destroyed.Plus(destroyed)
		v.Volume.Now = v.Volume.Now.Plus(volume)
		v.Created.Now = v.Created.Now.Plus(created)
		v.Destroyed.Now = v.Destroyed.Now.Plus(destroyed)
		return nil
	})
	if err != nil {
		return fmt.Errorf("flows by day: %w", err)
	}
	if v.Largest, err = readLargest(ctx, tx, s, q); err != nil {
		return err
	}
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query = `
		SELECT ` + untilEnd("volume", "true") + `, ` + untilEnd("volume", "from_issuer AND NOT to_issuer") + `,
			` + untilEnd("volume", "to_issuer AND NOT from_issuer") + `
		FROM flow_hours WHERE hour >= @start AND hour < @end AND ` + ofSource
	if err := tx.QueryRow(ctx, query, q.args(before)).Scan(&volume, &created, &destroyed); err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	v.Volume.Before, v.Created.Before, v.Destroyed.Before = &volume, &created, &destroyed
	return nil
}

// Table has one row a day or longer.
func (v *SourceDays) Table() Table {
	t := Table{Columns: []Column{
		{"start", "First day", Day}, {"volume", "Moved", Money}, {"created", "Of it created", Money}, {"destroyed", "Of it destroyed", Money},
	}}
	for _, m := range v.Moves {
		t.Rows = append(t.Rows, []any{m.Start, m.Volume, m.Created, m.Destroyed})
	}
	return t
}

// SumTable has one row a measure.
func (v *SourceDays) SumTable() Table {
	t := Table{Columns: []Column{{"measure", "Measure", Text}, {"now", "In the period", Money}, {"before", "In the period before", Money}}}
	t.Rows = [][]any{v.Volume.row("Moved"), v.Created.row("Of it created"), v.Destroyed.row("Of it destroyed")}
	return t
}
