package aggregates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// mostSources is how many sources of flows are listed. There may be many more,
// since writers of the ledger name them freely.
const mostSources = 50

// Flow is where money came from and where it went in a period.
type Flow struct {
	Basis
	Volume    Compared[ledger.Sum] `json:"volume" doc:"What accounts gained on balance, transaction by transaction: the sum of all flows."`
	Created   Compared[ledger.Sum] `json:"created" doc:"From issuers to all others."`
	Destroyed Compared[ledger.Sum] `json:"destroyed" doc:"From all others to issuers."`
	Transfers Compared[ledger.Sum] `json:"transfers" doc:"Of the volume, what passed between different holders, neither of them an issuer."`
	Kinds     []KindFlow           `json:"kinds" nullable:"false" doc:"By kind of who paid and who received, issuers with their kind; only those between which money moved."`
	Sources   []SourceFlow         `json:"sources" nullable:"false" doc:"By source, largest volume first, at most 50."`
	Others    OtherSources         `json:"others" doc:"The sources that are not listed."`
	Edges     []Edge               `json:"edges" nullable:"false" doc:"By who paid, source and who received, issuers apart, largest first; the sources that are not listed together as one without a name."`
	Holders   int64                `json:"holders" doc:"Of accounts that are not issuers, not archived, and were ever used, at the end of the period."`
}

// An Edge is what accounts of one party paid to accounts of another by the
// transactions of one source.
type Edge struct {
	From   Party      `json:"from"`
	Source string     `json:"source" doc:"Empty: the sources that are not listed."`
	To     Party      `json:"to"`
	Volume ledger.Sum `json:"volume"`
}

// KindFlow is what accounts of one kind paid to accounts of another.
type KindFlow struct {
	From   ledger.Kind `json:"from" enum:"personal,business,government,system"`
	To     ledger.Kind `json:"to" enum:"personal,business,government,system"`
	Volume ledger.Sum  `json:"volume"`
}

// SourceFlow is what moved by the transactions of one subsystem.
type SourceFlow struct {
	Source    string     `json:"source"`
	Volume    ledger.Sum `json:"volume"`
	Created   ledger.Sum `json:"created"`
	Destroyed ledger.Sum `json:"destroyed"`
}

// OtherSources is the sum of the sources that are not listed.
type OtherSources struct {
	Sources   int64      `json:"sources" doc:"How many there are."`
	Volume    ledger.Sum `json:"volume"`
	Created   ledger.Sum `json:"created"`
	Destroyed ledger.Sum `json:"destroyed"`
}

// ComputeFlow reads the flows of the period that ends with w's start.
func ComputeFlow(ctx context.Context, db *pgxpool.Pool, w cache.Window, days Days) (*Flow, error) {
	return ComputePastFlow(ctx, db, w, AsOf[Days]{Of: days})
}

// ComputePastFlow reads the flows of the period that ends with a day.
func ComputePastFlow(ctx context.Context, db *pgxpool.Pool, w cache.Window, q AsOf[Days]) (*Flow, error) {
	f := &Flow{Kinds: []KindFlow{}, Sources: []SourceFlow{}, Edges: []Edge{}}
	if err := f.readAsOf(ctx, db, w, q.Of, q.At, f.fill); err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	return f, nil
}

func (f *Flow) fill(ctx context.Context, tx pgx.Tx, s span) error {
	const transfers = `SELECT coalesce(sum(transfers), 0) FROM activity_hours WHERE hour >= @start AND hour < @through`
	period := s.args()
	if err := tx.QueryRow(ctx, transfers, period).Scan(&f.Transfers.Now); err != nil {
		return fmt.Errorf("transfers: %w", err)
	}
	// The database adds up the sources that are not listed, so that what is read is
	// bounded however many there are.
	const query = `
		WITH flows AS (
			SELECT from_kind, to_kind, from_issuer, to_issuer, source, sum(volume) AS volume FROM flow_hours
			WHERE hour >= @start AND hour < @through GROUP BY 1, 2, 3, 4, 5
		), sources AS (
			SELECT source, row_number() OVER (ORDER BY sum(volume) DESC, source COLLATE "C") AS rank FROM flows GROUP BY source)
		SELECT from_kind, to_kind, from_issuer, to_issuer, CASE WHEN rank <= @most THEN source ELSE '' END, sum(volume), max(rank)
		FROM flows JOIN sources USING (source) GROUP BY 1, 2, 3, 4, 5`
	type pair struct{ from, to ledger.Kind }
	kinds, sources := map[pair]ledger.Sum{}, map[string]SourceFlow{}
	period["most"] = mostSources
	rows, _ := tx.Query(ctx, query, period)
	var p pair
	var fromIssuer, toIssuer bool
	var source string
	var volume ledger.Sum
	var rank int64
	_, err := pgx.ForEachRow(rows, []any{&p.from, &p.to, &fromIssuer, &toIssuer, &source, &volume, &rank}, func() error {
		kinds[p] = kinds[p].Plus(volume)
		f.Edges = append(f.Edges, Edge{Party{p.from, fromIssuer}, source, Party{p.to, toIssuer}, volume})
		f.Others.Sources = max(f.Others.Sources, rank-mostSources)
		of := sources[source]
		of.Source = source
		of.Volume = of.Volume.Plus(volume)
		switch {
		case fromIssuer && !toIssuer:
			of.Created = of.Created.Plus(volume)
		case toIssuer && !fromIssuer:
			of.Destroyed = of.Destroyed.Plus(volume)
		}
		sources[source] = of
		return nil
	})
	if err != nil {
		return fmt.Errorf("flows by kind and source: %w", err)
	}
	for _, from := range ledger.Kinds() {
		for _, to := range ledger.Kinds() {
			if volume := kinds[pair{from, to}]; volume.Sign() != 0 {
				f.Kinds = append(f.Kinds, KindFlow{from, to, volume})
			}
		}
	}
	for _, of := range sources {
		f.Volume.Now = f.Volume.Now.Plus(of.Volume)
		f.Created.Now = f.Created.Now.Plus(of.Created)
		f.Destroyed.Now = f.Destroyed.Now.Plus(of.Destroyed)
	}
	others := sources[""]
	f.Others.Volume, f.Others.Created, f.Others.Destroyed = others.Volume, others.Created, others.Destroyed
	delete(sources, "")
	f.Sources = slices.AppendSeq(f.Sources, maps.Values(sources))
	slices.SortFunc(f.Sources, func(a, b SourceFlow) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Source, b.Source))
	})
	slices.SortFunc(f.Edges, func(a, b Edge) int {
		return cmp.Or(b.Volume.Compare(a.Volume), cmp.Compare(a.Source, b.Source), cmp.Compare(a.From.Key(), b.From.Key()), cmp.Compare(a.To.Key(), b.To.Key()))
	})
	if err := f.countHolders(ctx, tx, s); err != nil {
		return fmt.Errorf("holders: %w", err)
	}
	return f.compare(ctx, tx, s)
}

// countHolders counts those with an account that is no issuer, not archived, and was used.
func (f *Flow) countHolders(ctx context.Context, tx pgx.Tx, s span) error {
	sums, err := readSums(ctx, tx, s)
	if err != nil {
		return err
	}
	if sums != nil {
		for _, bin := range sums.of(string(PopulationAll)) {
			f.Holders += bin.Holders
		}
		return nil
	}
	const query = `
		SELECT count(DISTINCT holder) FROM balances JOIN account_holders ON id = account
		WHERE NOT issuer AND (archived IS NULL OR archived > $1) AND (NOT $2 OR first_at < $3)`
	return tx.QueryRow(ctx, query, s.archivedBy(), s.Past, s.End).Scan(&f.Holders)
}

// CreatedBySource returns the listed sources that created money, largest first,
// with what they created as their volume.
func (f *Flow) CreatedBySource() []SourceFlow {
	return f.by(func(of SourceFlow) ledger.Sum { return of.Created })
}

// DestroyedBySource returns the listed sources that destroyed money likewise.
func (f *Flow) DestroyedBySource() []SourceFlow {
	return f.by(func(of SourceFlow) ledger.Sum { return of.Destroyed })
}

func (f *Flow) by(pick func(SourceFlow) ledger.Sum) []SourceFlow {
	var all []SourceFlow
	for _, of := range f.Sources {
		if of.Volume = pick(of); of.Volume.Sign() > 0 {
			all = append(all, of)
		}
	}
	slices.SortStableFunc(all, func(a, b SourceFlow) int { return b.Volume.Compare(a.Volume) })
	return all
}

// compare fills the sums of the period before s.
func (f *Flow) compare(ctx context.Context, tx pgx.Tx, s span) error {
	before, reaches := s.previous()
	if !reaches {
		return nil
	}
	query := `
		SELECT (SELECT ` + untilEnd("transfers", "true") + ` FROM activity_hours WHERE hour >= @start AND hour < @end),
			` + untilEnd("volume", "true") + `,
			` + untilEnd("volume", "from_issuer AND NOT to_issuer") + `,
			` + untilEnd("volume", "to_issuer AND NOT from_issuer") + `
		FROM flow_hours WHERE hour >= @start AND hour < @end`
	var transfers, volume, created, destroyed ledger.Sum
	err := tx.QueryRow(ctx, query, before.args()).Scan(&transfers, &volume, &created, &destroyed)
	if err != nil {
		return fmt.Errorf("period before: %w", err)
	}
	f.Transfers.Before, f.Volume.Before, f.Created.Before, f.Destroyed.Before = &transfers, &volume, &created, &destroyed
	return nil
}
