package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The limits of what is bought together.
const (
	togetherDays   = 30
	fewestTogether = 3    // buyers of an item that is listed: fewer would point at somebody
	mostTogether   = 20   // items
	mostBaskets    = 1000 // days of buyers that are looked at, the latest
	mostInBasket   = 100  // items that an account bought on a day
)

// Together is what the buyers of an item bought beside it, on the same days.
type Together struct {
	Start  time.Time      `json:"start" doc:"The first of the last 30 days, whatever the period."`
	Buyers int64          `json:"buyers" doc:"Different accounts that bought the item in these days, each with those merged into it; of their days the latest 1,000."`
	Items  []TogetherItem `json:"items" nullable:"false" doc:"The items that most of them bought too, at most 20. Those with fewer than 3 buyers are left out."`
}

// TogetherItem is an item that was bought on the same days by the same accounts.
type TogetherItem struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Buyers int64   `json:"buyers" doc:"That bought both on a day."`
	Days   int64   `json:"days" doc:"On which they did, each buyer's counted by themselves."`
	Share  float64 `json:"share" doc:"buyers / all buyers of the item"`
}

func newTogether() Together { return Together{Items: []TogetherItem{}} }

// fill reads at most mostBaskets days of buyers, each by the index of what an
// account bought.
func (v *Together) fill(ctx context.Context, tx pgx.Tx, s span, item int64, with bool) error {
	v.Start = plus(s.Today, 1-togetherDays)
	query := `
		WITH mine AS (
			SELECT coalesce(target, account) AS buyer, day FROM ` + salesOf("trader_days", with) + ` LEFT JOIN merges USING (account)
			WHERE item = $1 AND side = 'buyer' AND day BETWEEN $2::date AND $3::date
			GROUP BY buyer, day ORDER BY day DESC, buyer LIMIT $4),
		family AS (
			SELECT buyer, day, buyer AS account FROM mine
			UNION ALL
			SELECT buyer, day, account FROM mine JOIN merges ON target = buyer),
		found AS (
			SELECT t.item, count(DISTINCT buyer) AS buyers, count(DISTINCT (buyer, day)) AS days
			FROM family CROSS JOIN LATERAL (
				SELECT item FROM ` + salesOf("trader_days", with) + ` AS of
				WHERE of.account = family.account AND of.day = family.day AND of.side = 'buyer' AND of.item <> $1
				ORDER BY item LIMIT $5) AS t
			GROUP BY t.item HAVING count(DISTINCT buyer) >= $6)
		SELECT coalesce(ref, ''), coalesce(name, ''), coalesce(buyers, 0), coalesce(days, 0), of_all
		FROM (SELECT count(DISTINCT buyer) AS of_all FROM mine) AS counted LEFT JOIN (found JOIN items ON id = item) ON true
		ORDER BY buyers DESC, days DESC, name, ref LIMIT $7`
	rows, _ := tx.Query(ctx, query, item, v.Start, s.Today, mostBaskets, mostInBasket, fewestTogether, mostTogether)
	var i TogetherItem
	_, err := pgx.ForEachRow(rows, []any{&i.ID, &i.Name, &i.Buyers, &i.Days, &v.Buyers}, func() error {
		if i.Buyers == 0 {
			return nil // nothing was
		}
		i.Share = float64(i.Buyers) / float64(v.Buyers)
		v.Items = append(v.Items, i)
		return nil
	})
	if err != nil {
		return fmt.Errorf("what is bought together: %w", err)
	}
	return nil
}

// TogetherTable has one row an item that is bought together with it.
func (v *ItemTrade) TogetherTable() Table {
	t := Table{Columns: []Column{{"name", "Item", Text}, {"id", "Id", Text}, {"buyers", "Buyers of both", Count}, {"share", "Of all buyers", Percent}, {"days", "Days of buyers", Count}}}
	for _, i := range v.Together.Items {
		t.Rows = append(t.Rows, []any{i.Name, i.ID, i.Buyers, i.Share, i.Days})
	}
	return t.upTo(len(v.Together.Items), mostTogether)
}
