package aggregates

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// API is the memos behind the public API, beside those of the home page.
type API struct {
	Stats *cache.Memo[StatsQuery, *Stats]
}

// NewAPI registers the memos of the public API, which read db.
func NewAPI(c *cache.Cache, db *pgxpool.Pool) *API {
	return &API{
		Stats: NewStats(c, db),
	}
}
