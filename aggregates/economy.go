package aggregates

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
)

// Economy is the memos of the home page.
type Economy struct {
	Overview     *cache.Memo[Days, *Overview]
	Inequality   *cache.Memo[Population, *Inequality]
	Activity     *cache.Memo[Days, *Activity]
	WealthByKind *cache.Memo[Whole, *WealthByKind]
	Rhythm       *cache.Memo[Days, *Rhythm]
	Richest      *cache.Memo[Whole, *Richest]

	db  *pgxpool.Pool
	now func() time.Time
}

// Whole is the parameter of memos that have none.
type Whole struct{}

// Key is empty: there is one value.
func (Whole) Key() string { return "" }

// window is how long one computation of a panel of the home page serves: the
// same for all, so that the page has one boundary.
const window = 30 * time.Second

// NewEconomy registers the memos of the home page, which read db.
func NewEconomy(c *cache.Cache, db *pgxpool.Pool) *Economy {
	// No append touches their tag: they read much, so that a window is to pass
	// before they are computed again.
	spec := func(name string) cache.Spec {
		return cache.Spec{Name: name, Window: window, Tags: []string{"economy"}}
	}
	return &Economy{
		Overview: cache.NewMemo(c, spec("economy.overview"), func(ctx context.Context, w cache.Window, d Days) (*Overview, error) {
			return ComputeOverview(ctx, db, w, d)
		}).Usual(AllDays()...),
		Inequality: cache.NewMemo(c, spec("economy.inequality"), func(ctx context.Context, w cache.Window, p Population) (*Inequality, error) {
			return ComputeInequality(ctx, db, w, p)
		}).Usual(PopulationPersonal, PopulationPrivate, PopulationAll),
		Activity: cache.NewMemo(c, spec("economy.activity"), func(ctx context.Context, w cache.Window, d Days) (*Activity, error) {
			return ComputeActivity(ctx, db, w, d)
		}).Usual(AllDays()...),
		WealthByKind: cache.NewMemo(c, spec("economy.wealth"), func(ctx context.Context, w cache.Window, _ Whole) (*WealthByKind, error) {
			return ComputeWealthByKind(ctx, db, w)
		}).Usual(Whole{}),
		Rhythm: cache.NewMemo(c, spec("economy.rhythm"), func(ctx context.Context, w cache.Window, d Days) (*Rhythm, error) {
			return ComputeRhythm(ctx, db, w, d)
		}).Usual(AllDays()...),
		Richest: cache.NewMemo(c, spec("economy.richest"), func(ctx context.Context, w cache.Window, _ Whole) (*Richest, error) {
			return ComputeRichest(ctx, db, w)
		}).Usual(Whole{}),
		db:  db,
		now: c.Now,
	}
}
