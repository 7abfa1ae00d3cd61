package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"exchequer/cache"
)

// Trade is what is known of shops: the memos, and what is read exactly.
type Trade struct {
	Shops     *cache.Memo[NoParams, *Shops]
	Shop      *cache.Memo[ShopQuery, *Shop] // nil: no such shop
	Arbitrage *cache.Memo[NoParams, *Arbitrage]
	Markers   *cache.Memo[NoParams, *Markers]
	Refs      *Exists // of shops; to be consulted before Shop

	// Find reads what is asked for, at most so many rows: see [Find].
	Find func(ctx context.Context, shops *Shops, q FindQuery, limit int) (*Found, error)
	// Sales reads sales of a shop: see [ShopSales].
	Sales func(ctx context.Context, shop string, before SaleCursor, limit int) ([]ShopSale, error)
	// Keeper reads what somebody with shops wants to know of them: see [ReadKeeper].
	Keeper func(ctx context.Context, accounts []string, since time.Time) (*Keeper, error)
	// Marked returns which sales are part of offsetting trade: see [MarkedSales].
	Marked func(ctx context.Context, zone *time.Location, sales []SaleKey) (map[int64]bool, error)
}

// newTrade registers the memos of the shops' pages, which are read by reads.
func newTrade(c *cache.Cache, reads Reads, places *semaphore.Weighted) *Trade {
	return &Trade{
		Shops:     cache.NewMemo(c, spec("shops"), on(reads, ComputeShops)).Prewarm(NoParams{}),
		Shop:      cache.NewMemo(c, oneOfMany("shop"), on(reads, ComputeShop)),
		Arbitrage: cache.NewMemo(c, spec("arbitrage"), on(reads, ComputeArbitrage)).Prewarm(NoParams{}),
		Markers:   cache.NewMemo(c, spec("markers"), on(reads, ComputeMarkers)),
		Refs:      existsIn(reads, places, knownShop),
		Find: func(ctx context.Context, shops *Shops, q FindQuery, limit int) (*Found, error) {
			return Find(ctx, reads.pool(ctx), shops, q, limit)
		},
		Sales: func(ctx context.Context, shop string, before SaleCursor, limit int) ([]ShopSale, error) {
			return ShopSales(ctx, reads.pool(ctx), shop, before, limit)
		},
		Keeper: func(ctx context.Context, accounts []string, since time.Time) (*Keeper, error) {
			return ReadKeeper(ctx, reads.pool(ctx), accounts, since)
		},
		Marked: func(ctx context.Context, zone *time.Location, sales []SaleKey) (map[int64]bool, error) {
			return MarkedSales(ctx, reads.pool(ctx), zone, sales)
		},
	}
}

// The limits of what is kept of the shops as a whole.
const (
	mostWorlds = 20
	mostPlaces = 500
)

// Shops is what all shops are and have at the moment of reading.
type Shops struct {
	Basis
	Shops   int64         `json:"shops" doc:"Active ones."`
	Closed  int64         `json:"closed"`
	Owners  int64         `json:"owners" doc:"Accounts with an active shop."`
	Offers  int64         `json:"offers" doc:"Active offers, barter among them."`
	Selling StandingCount `json:"selling" doc:"Active offers with an ask in money."`
	Buying  StandingCount `json:"buying" doc:"Active offers with a bid in money."`
	Barter  int64         `json:"barter" doc:"Active offers priced in another item."`
	Worlds  []WorldShops  `json:"worlds" nullable:"false" doc:"With active shops whose coordinates are known, most first, at most 20."`
	Places  []Place       `json:"places" nullable:"false" doc:"Named places, at most 500, those of the kind spawn first."`
	Seen    *time.Time    `json:"seen" doc:"When an offer was last seen; null: none ever was."`
}

// StandingCount counts offers.
type StandingCount struct {
	Offers int64 `json:"offers"`
	Stand  int64 `json:"stand" doc:"Of those that have a batch in stock, or room for one, or of which it is not known."`
}

// WorldShops counts the shops of a world.
type WorldShops struct {
	World string `json:"world"`
	Shops int64  `json:"shops"`
}

// What an offer must satisfy to count, of the table offers as o.
const (
	asksMoney = `o.active AND o.ask IS NOT NULL AND o.priced_in IS NULL`
	bidsMoney = `o.active AND o.bid IS NOT NULL AND o.priced_in IS NULL`
	askStands = `coalesce(o.stock >= o.batch, true)`
	bidStands = `coalesce(o.capacity - o.stock >= o.batch, true)`
)

// ComputeShops reads what all shops are and have.
func ComputeShops(ctx context.Context, db *pgxpool.Pool, w cache.Window, _ NoParams) (*Shops, error) {
	s := &Shops{Worlds: []WorldShops{}, Places: []Place{}}
	if err := s.read(ctx, db, w, 0, s.fill); err != nil {
		return nil, fmt.Errorf("shops: %w", err)
	}
	return s, nil
}

func (s *Shops) fill(ctx context.Context, tx pgx.Tx, _ span) error {
	const shops = `SELECT count(*) FILTER (WHERE active), count(*) FILTER (WHERE NOT active), count(DISTINCT owner) FILTER (WHERE active) FROM shops`
	if err := tx.QueryRow(ctx, shops).Scan(&s.Shops, &s.Closed, &s.Owners); err != nil {
		return fmt.Errorf("count shops: %w", err)
	}
	const offers = `
		SELECT count(*), count(*) FILTER (WHERE ` + asksMoney + `), count(*) FILTER (WHERE ` + asksMoney + ` AND ` + askStands + `),
			count(*) FILTER (WHERE ` + bidsMoney + `), count(*) FILTER (WHERE ` + bidsMoney + ` AND ` + bidStands + `),
			count(*) FILTER (WHERE priced_in IS NOT NULL), max(seen)
		FROM offers o WHERE active`
	err := tx.QueryRow(ctx, offers).Scan(&s.Offers, &s.Selling.Offers, &s.Selling.Stand, &s.Buying.Offers, &s.Buying.Stand, &s.Barter, &s.Seen)
	if err != nil {
		return fmt.Errorf("count offers: %w", err)
	}
	const worlds = `SELECT world, count(*) FROM shops WHERE active AND x IS NOT NULL GROUP BY world ORDER BY 2 DESC, 1 LIMIT $1`
	rows, _ := tx.Query(ctx, worlds, mostWorlds)
	if s.Worlds, err = pgx.CollectRows(rows, pgx.RowToStructByPos[WorldShops]); err != nil {
		return fmt.Errorf("worlds: %w", err)
	}
	const places = `SELECT world, name, x, z, kind FROM places ORDER BY kind <> 'spawn', name, world LIMIT $1`
	rows, _ = tx.Query(ctx, places, mostPlaces)
	if s.Places, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Place]); err != nil {
		return fmt.Errorf("places: %w", err)
	}
	return nil
}

// Table has one row a count.
func (s *Shops) Table() Table {
	t := Table{Columns: []Column{{"what", "What", Text}, {"count", "How many", Count}}}
	t.Rows = [][]any{
		{"Shops", s.Shops}, {"Closed shops", s.Closed}, {"Owners", s.Owners}, {"Offers", s.Offers},
		{"Selling for money", s.Selling.Offers}, {"Selling, in stock", s.Selling.Stand},
		{"Buying for money", s.Buying.Offers}, {"Buying, with room", s.Buying.Stand}, {"Barter", s.Barter},
	}
	return t
}
