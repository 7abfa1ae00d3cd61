package web

import (
	"context"
	"io"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

func byDays(p views.Params) aggregates.Days {
	return aggregates.ParseDays(p.Get(views.DaysParam))
}

func byPopulation(p views.Params) aggregates.Population {
	return aggregates.ParsePopulation(p.Get(views.PopulationParam))
}

func byHolders(p views.Params) aggregates.InequalityQuery {
	return aggregates.InequalityQuery{Population: byPopulation(p), Counted: aggregates.ParseCounted(p.Get(views.CountedParam))}
}

func once(views.Params) aggregates.NoParams { return aggregates.NoParams{} }

// economy declares the home page.
func (s *server) economy() *page {
	overview := readMemo(s.Economy.Overview, byDays, views.DaysParam)
	inequality := readAsOf(s.Economy.Inequality, s.API.Past.Inequality, byHolders, views.PopulationParam, views.CountedParam)
	activity := readMemo(s.Economy.Activity, byDays, views.DaysParam)
	rhythm := readMemo(s.Economy.Rhythm, byDays, views.DaysParam)
	wealth := readAsOf(s.Economy.WealthByKind, s.API.Past.WealthByKind, once)
	richest := readAsOf(s.Economy.Richest, s.API.Past.Richest, once)
	bridge := readMemo(s.Economy.Bridge, byDays, views.DaysParam)
	events := readMemo(s.API.Events, everywhere)

	list := show(richest, views.PanelInfo{
		Name: "richest", Title: "Richest accounts", Width: views.Quarter, Shows: views.ShowsBalances,
		How: views.How{
			Meaning: "Who holds most. A holder with several accounts is listed with each.",
			Formula: "Balance; share = balance / supply; change over the last 7 days.",
			Counted: "Single accounts, not summed by holder.",
			LeftOut: "Issuers and archived accounts.",
			SQL:     aggregates.RichestSQL,
		},
	}, views.Richest, (*aggregates.Richest).Table)
	files := map[string]*download{}
	for _, suffix := range []string{".csv", ".json"} {
		files[suffix] = s.newDownload("economy-richest", suffix, s.Economy.Richest.Policy().Window, func(ctx context.Context, to io.Writer) error {
			return s.writeAccounts(ctx, s.newRows(to, suffix, s.fileDocument("/economy", list.Name, map[string]string{})))
		})
	}
	list = list.inFull(downloaded(files))
	list.file = files[".csv"]

	return s.knowsPast(declare(views.PageInfo{
		Path: "/economy", Name: "Economy", Wealth: true, Group: "Money",
		Description: "Money supply, inequality and activity of {economy}.",
	},
		show(overview, views.PanelInfo{
			Name: "overview", Title: "Money", Width: views.Half, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "Supply: all money held by people, firms and the state. It equals what the issuers have put out. Velocity: how often a unit of money changed hands.",
				Formula: "Supply = sum of all balances but the issuers' = minus the sum of the issuers'. Velocity = value moved between holders in the period / average supply over it.",
				Counted: "Active: holders with a posting in the last 7 days. Each change is against the period before, up to the same time of day.",
				SQL:     aggregates.SupplySQL,
				Source:  "I. Fisher, The Purchasing Power of Money (1911), for the velocity.",
				LeftOut: "Issuers; transfers of a holder to themselves; archived accounts among the holders. The small charts of transactions and velocity end yesterday.",
			},
		}, views.Overview, (*aggregates.Overview).Table),
		show(inequality, views.PanelInfo{
			Name: "inequality", Title: "Inequality", Width: views.Beside, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "Gini 0: all hold the same. 1: one holder has everything. Most countries' wealth lies between 0.6 and 0.9.",
				Formula: "Gini = 2Σ i·x / (nΣx) − (n+1)/n with balances x in rising order, i from 1, no sample correction. Top p = 1 − L(1−p) of the Lorenz curve L. Palma = share of the richest 10 % / share of the poorest 40 %.",
				Counted: "Holders, all their accounts of this group summed; balances of zero and debts included.",
				LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
				SQL:     aggregates.GiniSQL,
				Source:  "C. Gini, Variabilità e mutabilità (1912); J. G. Palma, Homogeneous Middles vs. Heterogeneous Tails (2011).",
			},
		}, views.Inequality, (*aggregates.Inequality).Table),
		show(bridge, views.PanelInfo{
			Name: "bridge", Title: "Supply bridge", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Why there is more money than at the start of the period, or less. Unexplained: 0 if the books are right.",
				Formula: "Opening + created − destroyed ± moved in or out ± unexplained = closing. Opening: what the issuers had put out, from their balances and days. Closing: the balances of all others. Created and destroyed: the flows from issuers to others, and back.",
				Counted: "All transactions, by source: the subsystem that wrote them. At most twelve bars; the table has 50 sources.",
				LeftOut: "Nothing. Archived accounts are part of the supply, so that archiving moves nothing in or out.",
			},
		}, views.Bridge, (*aggregates.Bridge).Table),
		show(activity, views.PanelInfo{
			Name: "activity", Title: "Activity", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How much money moved. The current day is pale. Days without activity count as zero.",
				Formula: "The amount each transaction moves, added up.",
				Counted: "All transactions, by day, week from Monday, month, year or decade.",
				LeftOut: "Nothing. A column far above all others is broken and labelled with its value.",
				SQL:     aggregates.ActivitySQL,
			},
		}, views.Activity, (*aggregates.Activity).Table).flagged(events),
		show(inequality, views.PanelInfo{
			Name: "lorenz", Title: "Lorenz curve", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What the poorest part of the holders has together. On the dashed line all hold the same; the larger the shaded area, the higher the Gini.",
				Formula: "L(k/n) = sum of the k smallest balances / sum of all, linear between.",
				Counted: "Holders, all their accounts of this group summed.",
				LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
				SQL:     aggregates.LorenzSQL,
				Source:  "M. O. Lorenz, Methods of Measuring the Concentration of Wealth (1905).",
			},
		}, views.Lorenz, (*aggregates.Inequality).LorenzTable),
		show(inequality, views.PanelInfo{
			Name: "distribution", Title: "Balances", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How many holders have little, and how many have much. Half of them have less than the median.",
				Formula: "Holders by balance. Each bin's bounds grow by about the same factor; zero and debts have bins of their own.",
				Counted: "Holders, all their accounts of this group summed.",
				LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
				SQL:     aggregates.DistributionSQL,
			},
		}, views.Distribution, (*aggregates.Inequality).BinsTable),
		show(rhythm, views.PanelInfo{
			Name: "rhythm", Title: "Hours of the week", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "When the economy is awake: the darker, the more transactions in that hour.",
				Formula: "Transactions in that hour of the week / how often that hour occurred in the period.",
				Counted: "All transactions, by the hour at which they happened.",
				LeftOut: "The current hour.",
				SQL:     aggregates.RhythmSQL,
			},
		}, views.Rhythm, (*aggregates.Rhythm).Table),
		show(wealth, views.PanelInfo{
			Name: "wealth", Title: "Wealth by kind", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Who holds the money: people, firms or the state.",
				Formula: "Sum of the balances of each kind of account; share = sum / supply.",
				Counted: "All accounts of the kind, archived ones included.",
				LeftOut: "Issuers: what they owe is the supply.",
				SQL:     aggregates.WealthSQL,
			},
		}, views.Wealth, (*aggregates.WealthByKind).Table),
		list,
		s.standPanel(),
	))
}

// shareColumn is the index of the share of the supply in a row of accounts.
const shareColumn = 5

// writeAccounts writes the whole list of the richest from one read of the
// database.
func (s *server) writeAccounts(ctx context.Context, out rowWriter) error {
	columns := aggregates.RichColumns()
	out.header(aggregates.Table{Columns: columns})
	err := s.Economy.AllAccounts(ctx, func(a aggregates.RichAccount) error {
		row := a.Row(ledger.Sum{})
		row[shareColumn] = a.Share // of the supply in the same read
		out.row(columns, row)
		return nil
	})
	if err != nil {
		return err
	}
	return out.last()
}
