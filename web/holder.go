package web

import (
	"context"

	"exchequer/aggregates"
	"exchequer/views"
)

// holder declares the page of a holder: all its accounts together, what they received
// from others and paid to others, and its shops.
func (s *server) holder() *page {
	byHolder := func(p views.Params) aggregates.HolderQuery {
		return aggregates.HolderQuery{Holder: p.Ref, Days: byDays(p)}
	}
	holder := readMemo(s.API.Holder, byHolder, views.DaysParam)
	sides := readMemo(s.API.HolderSides, byHolder, views.DaysParam)
	events := readMemo(s.API.Events, everywhere)
	p := declare(views.PageInfo{
		Path: views.HolderInfo.Path, Name: "Holder", Wealth: true,
		Above:       []views.MenuEntry{{Name: "Accounts", Path: "/accounts"}},
		Description: "What this holder of {economy} has in all accounts together, received and paid.",
	},
		show(holder, views.PanelInfo{
			Name: "figures", Title: "Balance", Width: views.Whole, Shows: views.ShowsDealings, Strip: true,
			How: views.How{
				Meaning: "What the holder has in all accounts together, and what it sold.",
				Formula: "Balance: the sum of the balances of now. Change: what all accounts gained in the period; payments between them cancel out. Goods sold: the sum of the totals.",
				Counted: "All accounts of the holder, and those that are merged into them.",
				LeftOut: "Issuers. Of goods: returns, gifts and corrections, and offsetting trade.",
			},
		}, views.Holder, (*aggregates.Holder).FiguresTable).otherwise(show(holder, views.PanelInfo{
			Name: "figures", Title: "Balance", Width: views.Whole, Strip: true, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "What the holder has in all accounts together.",
				Formula: "Balance: the sum of the balances. Change: balance now − balance when the period began.",
				Counted: "All accounts of the holder that are not issuers.",
				LeftOut: "Issuers; what the holder sold, which is shown to viewers only.",
			},
		}, views.HolderHeld, (*aggregates.Holder).HeldTable)),
		show(holder, views.PanelInfo{
			Name: "balance", Title: "Balance over time", Width: views.TwoThirds, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "What the holder had at the end of each day, or of each longer step.",
				Formula: "The balance of now, without what was posted after that day.",
				Counted: "All accounts of the holder of now, those too that are archived.",
				LeftOut: "Issuers.",
			},
		}, views.HolderBalance, (*aggregates.Holder).Table).flagged(events),
		showOf(holderPlacing{s, holder}, views.PanelInfo{
			Name: "rank", Title: "Among all holders", Width: views.Rest, Shows: views.ShowsSums, Params: holder.declared,
			How: views.How{
				Meaning: "How rich the holder is.",
				Formula: "Rank: holders with more, plus one. Richer than: holders with less / all holders. With more than 1,000 holders, both are right to a thousandth of them.",
				Counted: "Holders of personal accounts if this one has any; otherwise of personal and business accounts if it has those; otherwise all. All their accounts of these kinds summed.",
				LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
			},
		}, views.AccountPlace, (*aggregates.AccountPlace).Table),
		show(sides, views.PanelInfo{
			Name: "months", Title: "By month", Width: views.Half, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Whether the holder gained or lost money in its dealings with others. Of a business, this is its profit or loss. The table has it by source.",
				Formula: "Net = received − paid = what all accounts gained. In each transaction, what all accounts of the holder gained or lost together is received or paid, by its source. Wages: paid by the sources payroll, salary, salaries, wage, wages.",
				Counted: "Whole months of the community, 12 at most, and the current one, whatever the period. Received, paid and wages are divided for the latest whole days with at most 20,000 postings together; the net is of all.",
				LeftOut: "Payments between the holder's own accounts, which are neither. Issuers: what one of the holder's own creates counts as received from others. Goods that are in stock have no value here.",
			},
		}, views.HolderMonths, (*aggregates.HolderSides).MonthsTable),
		show(holder, views.PanelInfo{
			Name: "accounts", Title: "Accounts", Width: views.Quarter, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "The accounts that the record gives to the holder.",
				Formula: "None: balances of now.",
				Counted: "All of them; the 50 with the largest balances are in the table.",
				LeftOut: "Of the sum: issuers. Merged accounts are part of the account into which they are merged.",
			},
		}, views.HolderAccounts, (*aggregates.Holder).AccountsTable),
		show(sides, views.PanelInfo{
			Name: "staff", Title: "Staff", Width: views.Quarter, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Whom the holder paid wages, as far as the record says so.",
				Formula: "Sum of what their personal accounts gained in transactions with one of the sources payroll, salary, salaries, wage, wages.",
				Counted: "The last 30 days, whatever the period; the 20 with the largest sums are in the table.",
				LeftOut: "Transactions in which others paid too; what other kinds of accounts gained, such as taxes. Hidden holders are counted, and not named.",
			},
		}, views.HolderStaff, (*aggregates.HolderSides).StaffTable),
		show(sides, views.PanelInfo{
			Name: "income", Title: "Where it comes from", Width: views.Third, Shows: views.ShowsDealings, How: howHolderSource,
		}, views.HolderIncome, (*aggregates.HolderSides).SourcesTable),
		show(sides, views.PanelInfo{
			Name: "spending", Title: "Where it goes", Width: views.Third, Shows: views.ShowsDealings, How: howHolderSource,
		}, views.HolderSpending, (*aggregates.HolderSides).SourcesTable),
		show(sides, views.PanelInfo{
			Name: "parties", Title: "With whom", Width: views.Third, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Who paid the holder, and whom it paid.",
				Formula: "Of each transaction, what each account gained or lost on balance. Where several paid and several received, each paid each in proportion.",
				Counted: "All transactions of the period. The 20 with the largest sum of both directions are listed; all others are one row.",
				LeftOut: "The holder's own accounts that are no issuers. Hidden holders are one row, and so are transactions with more than 1,000 pairs of accounts.",
			},
		}, views.HolderParties, (*aggregates.HolderSides).PartiesTable).inFull(s.readWhole(aggregates.PartyColumns(), func(ctx context.Context, p views.Params, yield func([]any) error) error {
			return s.Economy.HolderParties(ctx, byHolder(p), yield)
		})),
		show(holder, views.PanelInfo{
			Name: "shops", Title: "Shops", Width: views.TwoThirds, Shows: views.ShowsDealings,
			How: howShops("holder"),
		}, views.HolderShops, (*aggregates.Holder).ShopsTable).where(hasShops),
		show(holder, views.PanelInfo{
			Name: "goods", Title: "Goods sold", Width: views.Rest, Shows: views.ShowsDealings,
			How: howGoods("What the holder sold, in shops or elsewhere.", "an account of the holder is the seller"),
		}, views.HolderGoods, (*aggregates.Holder).GoodsTable).where(hasSales),
	)
	p.thing = unknownHolder
	p.exists = func(ctx context.Context, ref string) error { return checkExists(ctx, s.API.Holders, ref, p.thing) }
	p.forget = func(params views.Params) { s.API.Holders.Forget(params.Ref) }
	p.subject = func(value any) string { return value.(*aggregates.Holder).Name }
	return p
}

var howHolderSource = views.How{
	Meaning: "What kind of transactions bring money in from others, and take it out to others.",
	Formula: "In each transaction, what all accounts of the holder gained or lost together, by its source: the subsystem that wrote it.",
	Counted: "The transactions of the period, those of the latest whole days with at most 20,000 postings together, which the 12 months and the last 30 days share.",
	LeftOut: "Payments between the holder's own accounts. Issuers: what one of the holder's own creates counts as received from others. Sources after the first 20 are one row.",
}

// howShops says how the shops of a holder, or of an account, are computed.
func howShops(whose string) views.How {
	return views.How{
		Meaning: "The shops of the " + whose + ", what they traded, and what is there to be bought.",
		Formula: "Sold, and paid to customers: sums of the totals of the sales that name the shop. In stock: offers to sell that have a batch, or whose stock is not known.",
		Counted: "At most 20 shops, active ones first. If a shop has more than its part of 20,000 lines of trade in the period, its sums are not available.",
		LeftOut: "Returns, gifts and corrections; barter has no value. Offsetting trade is not left out.",
	}
}

// howGoods says how goods are computed of lines of trade on one side.
func howGoods(meaning, side string) views.How {
	return views.How{
		Meaning: meaning,
		Formula: "Sums of the totals of the lines of trade in which " + side + ", tax included.",
		Counted: "Lines with a quantity and a total above zero; the 20 items with the largest value are in the table.",
		LeftOut: "Returns, gifts and corrections; sales that offset each other.",
	}
}

// holderPlacing is the reading of a holder's place: its value, and the balances of all
// populations, of which it takes one.
type holderPlacing struct {
	s      *server
	holder *reading[aggregates.HolderQuery, *aggregates.Holder]
}

func (r holderPlacing) open(p views.Params) source {
	return r.s.placed(r.holder.open(p), "", func(value any) *aggregates.Account {
		h := value.(*aggregates.Holder)
		return &aggregates.Account{ID: h.ID, Name: h.Name, Basis: h.Basis, Population: h.Population, Held: h.Held}
	})
}
