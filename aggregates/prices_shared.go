package aggregates

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"exchequer/cache"
)

// A priceShare has the last reading of the prices of all items, for producers that
// need the same one: those of a page begin together. Only transactions with one
// snapshot share a reading, since they see the same ledger: what a producer gets is
// what it would have read itself, so nothing has to invalidate it.
type priceShare struct {
	mu   sync.Mutex
	last *priceReading
}

// A priceReading is the prices of all items, or the attempt of one producer to read
// them.
type priceReading struct {
	of     priceMoment
	done   chan struct{}   // closed when prices is set, or the attempt has failed
	prices map[int64]Price // never changed; nil: it failed
}

// A priceMoment is what prices depend on: the ledger, and the end of a period.
type priceMoment struct {
	snapshot            string
	today, end, through int64
}

type priceShareKey struct{}

// sharing returns a producer that shares readings of all prices with the other
// producers of share.
func sharing[P, T any](share *priceShare, produce func(context.Context, cache.Window, P) (T, error)) func(context.Context, cache.Window, P) (T, error) {
	return func(ctx context.Context, w cache.Window, params P) (T, error) {
		return produce(context.WithValue(ctx, priceShareKey{}, share), w, params)
	}
}

// readAllPrices is readPrices of all items, shared where the producer shares. The
// caller does not change what it returns.
func readAllPrices(ctx context.Context, tx pgx.Tx, s span) (map[int64]Price, error) {
	read := func() (map[int64]Price, error) {
		items, err := allItems(ctx, tx)
		if err != nil {
			return nil, err
		}
		return readPricesBy(ctx, tx, s, items, priceBases)
	}
	share, ok := ctx.Value(priceShareKey{}).(*priceShare)
	if !ok {
		return read()
	}
	of := priceMoment{today: s.Today.Unix(), end: s.End.UnixNano(), through: s.Through.Unix()}
	if err := tx.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&of.snapshot); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return share.get(ctx, of, read)
}

func allItems(ctx context.Context, tx pgx.Tx) ([]int64, error) {
	rows, _ := tx.Query(ctx, `SELECT id FROM items`)
	items, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	return items, nil
}

// get returns the prices of a moment. Of producers that ask at the same time one
// reads them. If it fails, another one reads.
func (p *priceShare) get(ctx context.Context, of priceMoment, read func() (map[int64]Price, error)) (map[int64]Price, error) {
	for {
		p.mu.Lock()
		r := p.last
		if r == nil || r.of != of {
			r = &priceReading{of: of, done: make(chan struct{})}
			p.last = r
			p.mu.Unlock()
			return p.fill(r, read)
		}
		p.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.prices != nil {
			return r.prices, nil
		}
	}
}

// fill reads r. A reading that failed is forgotten.
func (p *priceShare) fill(r *priceReading, read func() (map[int64]Price, error)) (map[int64]Price, error) {
	defer func() {
		if r.prices == nil {
			p.mu.Lock()
			if p.last == r {
				p.last = nil
			}
			p.mu.Unlock()
		}
		close(r.done)
	}()
	prices, err := read()
	if err == nil {
		r.prices = prices
	}
	return prices, err
}
