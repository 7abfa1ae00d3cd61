package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// flow declares the page of who pays whom.
func (s *server) flow() *page {
	flow := readAsOf(s.API.Flow, s.API.Past.Flow, byDays, views.DaysParam)
	graph := readAsOf(s.API.Flow, s.API.Past.Flow, byDays, views.DaysParam, views.ThresholdParam, views.UnitParam)
	const counted = "All transactions, by who paid and who received on balance. Where several kinds of account pay and several receive, each pays each in proportion."
	return s.knowsPast(declare(views.PageInfo{
		Path: "/economy/flow", Name: "Money flow", Group: "Money", Heading: "Who pays whom",
		Description: "Where the money of {economy} comes from, through which source it moves, and where it ends.",
	},
		show(flow, views.PanelInfo{
			Name: "sums", Title: "Money moved", Width: views.Whole, Shows: views.ShowsSums, Strip: true,
			How: views.How{
				Meaning: "How much money came into the economy, left it, and changed hands.",
				Formula: "Created: from issuers to others; destroyed: from others to issuers. Transfers: between different holders. Volume: all that accounts gained on balance. The period before has the same length, up to the same time of day.",
				Counted: "All transactions.",
				LeftOut: "Of transfers: issuers, and what a holder moves between accounts of their own.",
			},
		}, views.FlowSums, (*aggregates.Flow).Table),
		show(graph, views.PanelInfo{
			Name: "flows", Title: "Who pays whom", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "At the left who paid, in the middle by which source, at the right who received. The higher, the more. What stays within a kind of account is listed below, by its own scale.",
				Formula: "Sums of the flows by kind of payer, source and kind of receiver; accounts that issue money apart. A holder: divided by the number of holders. Share: of the volume.",
				Counted: counted,
				LeftOut: "Nothing: what is small is drawn together as other; the table has 50 sources.",
			},
		}, views.Flows, (*aggregates.Flow).EdgesTable),
		show(flow, views.PanelInfo{
			Name: "largest", Title: "Largest flows", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Between whom most money moves, and why. Each leads to its days.",
				Formula: "Sum of the flows; share = sum / volume.",
				Counted: counted,
				LeftOut: "All smaller flows, and sources that are not among the 50 largest.",
			},
		}, views.LargestFlows, (*aggregates.Flow).EdgesTable),
		show(flow, views.PanelInfo{
			Name: "created", Title: "Where it begins", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "By which sources money comes into the economy.",
				Formula: "Sum of the flows from issuers to all others; share = sum / all that was created.",
				Counted: "All transactions in which an issuer pays.",
				LeftOut: "What issuers pay each other.",
			},
		}, views.CreatedBySource, (*aggregates.Flow).CreatedTable),
		show(flow, views.PanelInfo{
			Name: "destroyed", Title: "Where it ends", Width: views.Quarter, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "By which sources money leaves the economy.",
				Formula: "Sum of the flows from all others to issuers; share = sum / all that was destroyed.",
				Counted: "All transactions in which an issuer receives.",
				LeftOut: "What issuers pay each other.",
			},
		}, views.DestroyedBySource, (*aggregates.Flow).DestroyedTable),
	))
}
