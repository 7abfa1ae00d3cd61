package web

import (
	"context"

	"exchequer/aggregates"
	"exchequer/views"
)

func hasGovernment(p aggregates.Profile) bool { return p.Government }

// government declares the page of public accounts: their income and spending, and what
// they have.
func (s *server) government() *page {
	government := readMemo(s.API.Government, byDays, views.DaysParam)
	how := views.How{
		Meaning: "Which subsystems bring money in from others, such as taxes and fines, and take it out to others. Each leads to its days.",
		Formula: "Sum of the flows between accounts of the kind government and all others, by source.",
		Counted: "All transactions of the period.",
		LeftOut: "Payments between public accounts. Sources after the first 20 are one row.",
	}
	panels := []panel{
		show(government, views.PanelInfo{
			Name: "figures", Title: "Public accounts", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "What accounts of the kind government received from others and paid to others, and what they have.",
				Formula: "Received, paid: sums of the flows between the kind government and all others. Balance: the sum of the balances of now. Issued: minus the balances of those that issue money.",
				Counted: "All accounts of the kind government, those that issue money and archived ones among them, and those that are merged into them.",
				LeftOut: "Payments between public accounts; of the balance: accounts that issue money.",
			},
		}, views.Government, (*aggregates.Government).FiguresTable),
		show(government, views.PanelInfo{
			Name: "months", Title: "Income and spending", Width: views.TwoThirds, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What came in above the line, such as taxes and fines, and what went out below it. The table has it by source.",
				Formula: "Sums of the flows between accounts of the kind government and all others, by source and month.",
				Counted: "The current month and the 12 before it; all of the ledger's if the period is all, then by year where it is long.",
				LeftOut: "Payments between public accounts. Sources after the first three each way are one.",
			},
		}, views.GovernmentMonths, (*aggregates.Government).MonthsTable),
		show(government, views.PanelInfo{
			Name: "accounts", Title: "Balances", Width: views.Rest, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "What each public account has now. An account that issues money has less than nothing: minus what it has put out.",
				Formula: "Change = received − sent in the period.",
				Counted: "Accounts of the kind government, archived ones too, with those that are merged into them; the 50 with the largest balances, whatever their sign, are in the table.",
				LeftOut: "Accounts of hidden holders.",
			},
		}, views.GovernmentAccounts, (*aggregates.Government).AccountsTable),
		show(government, views.PanelInfo{
			Name: "income", Title: "Income", Width: views.Quarter, Shows: views.ShowsSums, How: how,
		}, views.GovernmentIncome, (*aggregates.Government).SourcesTable),
		show(government, views.PanelInfo{
			Name: "spending", Title: "Spending", Width: views.Quarter, Shows: views.ShowsSums, How: how,
		}, views.GovernmentSpending, (*aggregates.Government).SourcesTable),
		show(government, views.PanelInfo{
			Name: "parties", Title: "Whom it pays", Width: views.Half, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Who received most from public accounts, and what they paid back.",
				Formula: "Of each transaction, what each account gained or lost on balance. Where several paid and several received, each paid each in proportion.",
				Counted: "All transactions of the period. The 20 to which most was paid are in the table; all others are one row.",
				LeftOut: "Public accounts. Hidden holders are one row, and so are transactions with more than 1,000 pairs of accounts.",
			},
		}, views.GovernmentParties, (*aggregates.Government).PartiesTable).inFull(s.readWhole(aggregates.PartyColumns(), func(ctx context.Context, p views.Params, yield func([]any) error) error {
			return s.Economy.GovernmentParties(ctx, byDays(p), yield)
		})),
		show(government, views.PanelInfo{
			Name: "units", Title: "By unit", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Who holds public accounts, and what each received from others and paid to others.",
				Formula: "Of each transaction, what each account gained or lost on balance, summed by holder. Balance and issued: of now.",
				Counted: "Holders of accounts of the kind government, with these accounts alone; the 50 that received and paid the most are in the table.",
				LeftOut: "Payments between public accounts, of other units too. Hidden holders are one row.",
			},
		}, views.GovernmentUnits, (*aggregates.Government).UnitsTable),
	}
	for i := range panels {
		panels[i] = panels[i].where(hasGovernment)
	}
	return declare(views.PageInfo{
		Path: "/government", Name: "Government", Group: "Money", Heading: "Government",
		Description: "Where the public money of {economy} comes from, and where it goes.",
	}, panels...)
}
