package ledger

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

type itemDayKey struct{ item, day int64 }

// itemDays sums what the hours of items gain by day.
func (d *deltas) itemDays() map[itemDayKey]itemDelta {
	days := map[itemDayKey]itemDelta{}
	for key, hour := range d.items {
		of := itemDayKey{key.item, dayOfHour(key.hour, d.zone)}
		v := days[of]
		switch {
		case hour.sales > 0 && v.sales == 0:
			v.high, v.low = hour.high, hour.low
		case hour.sales > 0:
			v.high, v.low = max(v.high, hour.high), min(v.low, hour.low)
		}
		v.sales += hour.sales
		v.other += hour.other
		v.quantity, v.volume = v.quantity.Plus(hour.quantity), v.volume.Plus(hour.volume)
		v.otherQuantity, v.otherVolume = v.otherQuantity.Plus(hour.otherQuantity), v.otherVolume.Plus(hour.otherVolume)
		days[of] = v
	}
	return days
}

func (d *deltas) queueItemDays(batch *pgx.Batch, table string) {
	of := d.itemDays()
	n := len(of)
	if n == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(of), func(a, b itemDayKey) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.day, b.day))
	})
	items, days := make([]int64, n), make([]int32, n)
	sales, quantities, volumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
	others, otherQuantities, otherVolumes := make([]int64, n), make([]Sum, n), make([]Sum, n)
	highs, lows := make([]*float64, n), make([]*float64, n)
	for i, key := range keys {
		v := of[key]
		items[i], days[i] = key.item, int32(key.day)
		sales[i], quantities[i], volumes[i] = v.sales, v.quantity, v.volume
		others[i], otherQuantities[i], otherVolumes[i] = v.other, v.otherQuantity, v.otherVolume
		if v.sales > 0 {
			highs[i], lows[i] = &v.high, &v.low
		}
	}
	query := `
		INSERT INTO ` + table + ` AS known (item, day, sales, quantity, volume, other_lines, other_quantity, other_volume, high, low)
		SELECT item, date '1970-01-01' + day, sales, quantity, volume, other_lines, other_quantity, other_volume, high, low
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::numeric[], $5::numeric[], $6::bigint[], $7::numeric[],
			$8::numeric[], $9::float8[], $10::float8[])
			AS new (item, day, sales, quantity, volume, other_lines, other_quantity, other_volume, high, low)
		ORDER BY new.item, new.day
		ON CONFLICT (item, day) DO UPDATE SET
			sales = known.sales + excluded.sales,
			quantity = known.quantity + excluded.quantity,
			volume = known.volume + excluded.volume,
			other_lines = known.other_lines + excluded.other_lines,
			other_quantity = known.other_quantity + excluded.other_quantity,
			other_volume = known.other_volume + excluded.other_volume,
			high = greatest(known.high, excluded.high),
			low = least(known.low, excluded.low)`
	batch.Queue(query, items, days, sales, quantities, volumes, others, otherQuantities, otherVolumes, highs, lows)
}
