package web

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

func hasShops(p aggregates.Profile) bool { return p.Shops }

// shops declares the page on which a shop is found.
func (s *server) shops() *page {
	shops := readMemo(s.API.Trade.Shops, once)
	p := declare(views.PageInfo{
		Path: "/market/shops", Name: "Shops", Group: "Trade", Heading: "Find a shop",
		Description: "Where to buy and where to sell in {economy}, with prices, stock and places.",
	},
		show(shops, views.PanelInfo{
			Name: "overview", Title: "Shops", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How many shops there are, and how many of their offers can be used now.",
				Formula: "Counts. An offer to sell is in stock if its stock has a batch or is unknown; one to buy has room if its capacity less its stock takes a batch, or either is unknown.",
				Counted: "Active shops, and active offers.",
				LeftOut: "Closed shops; barter, which is counted apart.",
			},
		}, views.ShopsStrip, (*aggregates.Shops).Table).where(hasShops),
	)
	p.lists(&listing{
		PanelInfo: views.PanelInfo{
			Name: "found", Title: "What was found", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Where an item can be bought or sold now, as its shops were last seen. Prices of a piece are compared; the sum is for the whole amount, in whole batches.",
				Formula: "Price of a piece = price of a batch / pieces in it. Distance = √(Δx² + Δz²) between two points of one world. Price and way = price of the amount + distance × what 100 blocks are worth / 100, which is a hundredth of the best price if nothing is said.",
				Counted: "Active offers for money, at most the " + views.Count(aggregates.MostFound) + " best by price. Who sells can sell what the shop has room for and its owner's balance pays.",
				LeftOut: "Barter; offers of inactive shops. What is sold out is named below.",
			},
		},
		after: views.AfterParam, begin: "first", further: "next", leads: true, memo: shops,
		filters: views.ShopFilters(),
		read:    s.findShops,
	})
	return p
}

// findShops reads what a reader asks for.
func (s *server) findShops(ctx context.Context, params views.Params, limit int) (stretch, error) {
	number := func(d *views.Param) int64 {
		n, _ := strconv.ParseInt(params.Get(d), 10, 64) // was made legal
		return n
	}
	query := aggregates.FindQuery{
		Sell: params.Get(views.SideParam) == "sell", Amount: number(views.AmountParam), Item: params.Get(views.ItemParam),
		Near: params.Get(views.NearParam), World: params.Get(views.WorldParam), Within: number(views.WithinParam),
		Owner: params.Get(views.OwnerParam), Stock: params.Get(views.StockParam), Sort: params.Get(views.SortParam),
		Walk: views.Minor(params.Get(views.WalkParam), s.Settings().Decimals), After: params.Get(views.AfterParam),
	}
	shops, err := s.API.Trade.Shops.Get(ctx, aggregates.NoParams{})
	if err != nil {
		return stretch{}, err
	}
	found, err := s.API.Trade.Find(ctx, shops.Value, query, limit)
	if err != nil {
		return stretch{}, err
	}
	now, usual := s.Now(), s.usualPrice(ctx, found.Item)
	finder := func(l views.List) views.Finder {
		return views.Finder{List: l, Found: found, Places: shops.Value.Places, Worlds: shops.Value.Worlds, Usual: usual, Now: now}
	}
	return stretch{
		table: found.Table(), next: found.Next,
		draw: func(ledger.Settings) templ.Component { return templ.NopComponent },
		panel: func(l views.List) (templ.Component, []views.Sentence) {
			f := finder(l)
			return views.FinderPanels(f), f.Says()
		},
	}, nil
}

// usualWait is how long a list waits for a price, if nobody has asked for it yet: the
// next one has it.
const usualWait = 200 * time.Millisecond

// usualPrice returns what a piece of an item usually costs; nil if that is not known, or
// not yet.
func (s *server) usualPrice(ctx context.Context, item *aggregates.Named) *float64 {
	if item == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, usualWait)
	defer cancel()
	prices, err := s.API.Prices.Get(ctx, aggregates.NoParams{})
	if err != nil {
		return nil
	}
	all := prices.Value.Items
	if i := slices.IndexFunc(all, func(q aggregates.QuotedItem) bool { return q.ID == item.Ref }); i >= 0 {
		return all[i].Price.Value
	}
	return nil
}
