package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// An offerHour is what stood at the end of an hour.
type offerHour struct {
	item             int64
	hour             time.Time
	bestAsk, bestBid *float64 // minor units a piece
	asks, bids       int64
	stock            Sum
}

// offerHours computes the hours of the changed items again, from the first change
// on. Sightings mostly come in the order of time, and then these are the latest
// hour or two.
func (ap *appender) offerHours(ctx context.Context, changes []sighting) error {
	first := map[int64]time.Time{}
	for _, c := range changes {
		hour := hourTime(floor(c.at.UnixMicro(), hourMicros))
		if known, ok := first[c.item]; !ok || hour.Before(known) {
			first[c.item] = hour
		}
	}
	items := slices.Sorted(maps.Keys(first))
	since := make([]time.Time, len(items))
	for i, item := range items {
		since[i] = first[item]
	}
	// Of each offer, what it said when the first hour began and all changes since.
	const query = `
		SELECT k.item, o.id, c.at, c.ask, c.bid, c.priced_in, c.batch, c.stock, c.capacity, c.active
		FROM unnest($1::bigint[], $2::timestamptz[]) AS k (item, since)
		JOIN offers o ON o.item = k.item
		JOIN LATERAL (
			SELECT * FROM offer_changes
			WHERE item = k.item AND offer = o.id AND at >= coalesce(
				(SELECT max(at) FROM offer_changes WHERE item = k.item AND offer = o.id AND at < k.since), k.since)) c ON true
		ORDER BY k.item, c.at`
	rows, _ := ap.tx.Query(ctx, query, items, since)
	var hours []offerHour
	var item, offer int64
	var at time.Time
	var t terms
	var last offerHour // its item and hour; the rest is not computed yet
	standing := map[int64]terms{}
	finish := func() {
		if last.item == 0 || last.hour.Before(first[last.item]) {
			return
		}
		last.sum(standing)
		hours = append(hours, last)
	}
	_, err := pgx.ForEachRow(rows, []any{&item, &offer, &at, &t.ask, &t.bid, &t.pricedIn, &t.batch, &t.stock, &t.capacity, &t.active}, func() error {
		hour := hourTime(floor(at.UnixMicro(), hourMicros))
		if item != last.item || !hour.Equal(last.hour) {
			finish()
			if item != last.item {
				clear(standing)
			}
			last = offerHour{item: item, hour: hour}
		}
		standing[offer] = t
		return nil
	})
	if err != nil {
		return err
	}
	finish()
	return ap.saveOfferHours(ctx, hours)
}

// sum computes the hour from what stands at its end.
func (h *offerHour) sum(standing map[int64]terms) {
	for _, t := range standing {
		if t.asks() {
			if price := float64(t.ask.Int64) / float64(t.batch); h.bestAsk == nil || price < *h.bestAsk {
				h.bestAsk = &price
			}
			h.asks++
			h.stock = h.stock.Add(t.stock.Int64) // 0 if it is not known
		}
		if t.bids() {
			if price := float64(t.bid.Int64) / float64(t.batch); h.bestBid == nil || price > *h.bestBid {
				h.bestBid = &price
			}
			h.bids++
		}
	}
}

func (ap *appender) saveOfferHours(ctx context.Context, hours []offerHour) error {
	n := len(hours)
	items, at := make([]int64, n), make([]time.Time, n)
	bestAsks, bestBids := make([]*float64, n), make([]*float64, n)
	asks, bids, stocks := make([]int64, n), make([]int64, n), make([]Sum, n)
	for i, h := range hours {
		items[i], at[i], bestAsks[i], bestBids[i] = h.item, h.hour, h.bestAsk, h.bestBid
		asks[i], bids[i], stocks[i] = h.asks, h.bids, h.stock
	}
	const query = `
		INSERT INTO item_offer_hours (item, hour, best_ask, best_bid, asks, bids, stock)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[], $4::float8[], $5::bigint[], $6::bigint[], $7::numeric[])
		ON CONFLICT (item, hour) DO UPDATE SET
			best_ask = excluded.best_ask, best_bid = excluded.best_bid,
			asks = excluded.asks, bids = excluded.bids, stock = excluded.stock`
	if _, err := ap.tx.Exec(ctx, query, items, at, bestAsks, bestBids, asks, bids, stocks); err != nil {
		return fmt.Errorf("hours of offers: %w", err)
	}
	return nil
}
