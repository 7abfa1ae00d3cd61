package aggregates

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// mostMarkers is how many shops are marked on maps, those seen latest.
const mostMarkers = 5000

// Markers is what is marked on maps: active shops whose coordinates are known.
type Markers struct {
	Shops []MarkedShop `json:"shops"`
	Cut   bool         `json:"cut"` // there are more
}

// A MarkedShop is a shop on a map.
type MarkedShop struct {
	Shop   string `json:"shop"`
	Name   string `json:"name"` // of its owner
	World  string `json:"world"`
	X      int64  `json:"x"`
	Y      *int64 `json:"y"`
	Z      int64  `json:"z"`
	Offers int64  `json:"offers"`
	Stand  int64  `json:"stand"` // of these, that can be used
}

// ComputeMarkers reads what is marked on maps.
func ComputeMarkers(ctx context.Context, db *pgxpool.Pool, _ cache.Window, _ NoParams) (*Markers, error) {
	const query = `
		SELECT s.ref, CASE WHEN hidden THEN '' ELSE a.name END, s.world, s.x, s.y, s.z, coalesce(n.offers, 0), coalesce(n.stand, 0)
		FROM (SELECT * FROM shops WHERE active AND x IS NOT NULL ORDER BY seen DESC, id LIMIT $1) AS s ` + siteJoins + `
		LEFT JOIN (
			SELECT shop, count(*) AS offers,
				count(*) FILTER (WHERE ` + askStands + ` OR o.ask IS NULL) AS stand
			FROM offers o WHERE active GROUP BY shop) AS n ON n.shop = s.id
		ORDER BY s.ref`
	rows, _ := db.Query(ctx, query, mostMarkers+1)
	shops, err := pgx.CollectRows(rows, pgx.RowToStructByPos[MarkedShop])
	if err != nil {
		return nil, fmt.Errorf("markers: %w", err)
	}
	m := &Markers{Shops: shops, Cut: len(shops) > mostMarkers}
	m.Shops = m.Shops[:min(len(shops), mostMarkers)]
	return m, nil
}
