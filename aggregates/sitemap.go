package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// MostMapped is how many addresses a site map may list.
const MostMapped = 50_000

// A SiteMap is the parts in which all things that have pages are listed, each of at most
// MostMapped things.
type SiteMap struct {
	Parts []SitePart `json:"parts"`
}

// A SitePart is some things of one kind, in the order of their refs.
type SitePart struct {
	Kind  MappedKind `json:"kind"`
	First string     `json:"first"` // its first ref
	Next  string     `json:"next"`  // the first one of the part that follows; empty: there is none
}

// A MappedKind is a kind of things that have pages.
type MappedKind string

// The kinds.
const (
	MappedAccounts MappedKind = "accounts"
	MappedFirms    MappedKind = "firms"
	MappedItems    MappedKind = "items"
	MappedShops    MappedKind = "shops"
	MappedReports  MappedKind = "reports"
)

// MappedKinds are all kinds.
func MappedKinds() []MappedKind {
	return []MappedKind{MappedAccounts, MappedFirms, MappedItems, MappedShops, MappedReports}
}

// refs is the query of the refs of a kind: of what is merged into nothing else, and
// belongs to no hidden holder.
func (k MappedKind) refs() string {
	const shown = notMerged + ` AND NOT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder)`
	switch k {
	case MappedAccounts:
		return `SELECT ref FROM accounts a WHERE ` + shown
	case MappedFirms:
		return `SELECT DISTINCT holder AS ref FROM accounts a WHERE kind = 'business' AND NOT issuer AND ` + shown
	case MappedItems:
		return `SELECT ref FROM items`
	case MappedShops:
		return `SELECT s.ref FROM shops s JOIN accounts a ON a.id = s.owner WHERE NOT EXISTS (SELECT FROM holders h WHERE h.hidden AND h.ref = a.holder)`
	default:
		return `SELECT to_char(month, 'YYYY-MM') AS ref FROM reports`
	}
}

// newSiteMap registers the memo of the site map. An account that is hidden forbids its
// value, as that of all memos.
func newSiteMap(c *cache.Cache, reads Reads) *cache.Memo[NoParams, *SiteMap] {
	return cache.NewMemo(c, cache.Spec{Name: "sitemap", Window: time.Hour, Tags: []string{"economy"}}, on(reads, computeSiteMap))
}

func computeSiteMap(ctx context.Context, db *pgxpool.Pool, _ cache.Window, _ NoParams) (*SiteMap, error) {
	return readSiteMap(ctx, db, MostMapped)
}

// readSiteMap counts all refs by their indexes, so many to a part.
func readSiteMap(ctx context.Context, db *pgxpool.Pool, most int) (*SiteMap, error) {
	m := &SiteMap{Parts: []SitePart{}}
	for _, kind := range MappedKinds() {
		rows, _ := db.Query(ctx, `
			SELECT ref FROM (SELECT ref, row_number() OVER (ORDER BY ref) AS nr FROM (`+kind.refs()+`) AS refs) AS numbered
			WHERE nr % $1 = 1 OR $1 = 1 ORDER BY ref`, most)
		first, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("site map of %s: %w", kind, err)
		}
		for i, ref := range first {
			part := SitePart{Kind: kind, First: ref}
			if i+1 < len(first) {
				part.Next = first[i+1]
			}
			m.Parts = append(m.Parts, part)
		}
	}
	return m, nil
}

// Mapped calls yield with the refs of a part, at most MostMapped, row by row. It stops at
// the first error of yield, and returns it.
func (e *Economy) Mapped(ctx context.Context, part SitePart, yield func(ref string) error) error {
	query := `SELECT ref FROM (` + part.Kind.refs() + `) AS refs WHERE ref >= $1 AND (ref < $2 OR $2 = '') ORDER BY ref LIMIT $3`
	rows, _ := e.reads.pool(ctx).Query(ctx, query, part.First, part.Next, MostMapped)
	var ref string
	if _, err := pgx.ForEachRow(rows, []any{&ref}, func() error { return yield(ref) }); err != nil {
		return fmt.Errorf("site map of %s from %q: %w", part.Kind, part.First, err)
	}
	return nil
}
