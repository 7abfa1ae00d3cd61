package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// soundness declares the page that answers whether the money is sound. The health
// of the process, for probes and operators, is at other addresses: see healthCache.
func (s *server) soundness() *page {
	sound := readMemo(s.Soundness.Soundness, once)
	return declare(views.PageInfo{
		Path: "/economy/health", Name: "Health", Group: "Money", Heading: "Is the money sound?",
		Description: "Whether the money of {economy} is sound: its books, its growth, who holds it, and who takes part.",
	},
		show(sound, views.PanelInfo{
			Name: "signs", Title: "Signs", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "What a healthy economy shows. Good: within the thresholds. Watch and bad: beyond the nearer or the farther one. A sign is no cause: it says where to look.",
				Formula: "Each number is of the last 30 days, beside the same up to the same time of day 30 days earlier. The range is that of the whole days of the last 90, and now. The number itself is compared with the thresholds, or its change in 30 days, as each row says.",
				Counted: "Money: supply now / supply 30 days ago − 1. Speed: transfers between holders / average supply. Concentration and richest tenth: holders of personal accounts. Breadth: items with a sale. Purse: accounts of the government.",
				LeftOut: "Issuers, everywhere. Of earlier days of joining, those whose 30 days have the ledger's first day, on which all are new. Counts below 20 are not judged by their change, and no sign is judged before there is something to compare it with. Operators can set the thresholds.",
			},
		}, views.Signs, (*aggregates.Soundness).SignsTable),
		show(sound, views.PanelInfo{
			Name: "books", Title: "The books", Width: views.Half, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Whether every number here follows from the record, and the record adds up. If something is wrong, this says what, and where.",
				Formula: "All postings, and those of each transaction, sum to zero; balances and sums by hour and day are added up again; opening supply + created − destroyed = closing supply.",
				Counted: "This minute: 300 accounts and 1,000 transactions, the next ones each minute, and all that an earlier minute found. At night, by UTC: the whole ledger.",
				LeftOut: "This minute: accounts with more than 5,000 postings, and sums that belong to no account. At night: how a flow was shared out between several payers and receivers.",
			},
		}, views.Books, (*aggregates.Soundness).BooksTable),
		show(sound, views.PanelInfo{
			Name: "created", Title: "Created and destroyed", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Where money begins and where it ends. Above the line: what issuers paid out. Below: what they took in.",
				Formula: "Sums of what moved between issuers and all others, by source; the line is created − destroyed.",
				Counted: "13 weeks from Monday, the current one included. The three sources with the largest sums, and the others together.",
				LeftOut: "What moved between issuers.",
			},
		}, views.Created, (*aggregates.Soundness).WeeksTable),
		show(sound, views.PanelInfo{
			Name: "money", Title: "Money", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "How much money there is, compared with 90 days ago.",
				Formula: "Supply at the end of a day / supply at the end of the first day × 100.",
				Counted: "What all accounts hold but issuers; the last day so far.",
				LeftOut: "Issuers.",
			},
		}, views.MoneyCourse, (*aggregates.Soundness).MoneyTable),
		show(sound, views.PanelInfo{
			Name: "holders", Title: "Active and new holders", Width: views.Half, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Who takes part, and who is new.",
				Formula: "Holders with a posting on the day. New: it is their first one.",
				Counted: "The last 90 days; today so far is pale.",
				LeftOut: "Issuers. A holder with several accounts is one.",
			},
		}, views.HolderDays, (*aggregates.Soundness).HoldersTable),
		show(readMemo(s.Soundness.Cohorts, once), views.PanelInfo{
			Name: "cohorts", Title: "Who stays", Width: views.Whole, Shows: views.ShowsSums,
			How: views.How{
				Meaning: "Of the holders who joined together, how many are still active, and what the one in the middle has now.",
				Formula: "Joined: the first posting. Percent = those with a posting in a later month / all who joined. Median of what they hold now, their accounts summed.",
				Counted: "At most 24 months, or quarters or years in a longer ledger. The last one is not over, and pale. Read once an hour.",
				LeftOut: "Issuers. Archived accounts count in the past, and not in the median.",
			},
		}, views.Cohorts, (*aggregates.Cohorts).Table),
		show(readMemo(s.Soundness.Followed, once), views.PanelInfo{
			Name: "followed", Title: "Followed sources", Width: views.Whole, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "Where what other programs write is read, how old it is here, and whether balances are the same on both sides.",
				Formula: "The source's balances, and what is here when all that it had at that moment has been written. Another balance is an error, never a delay.",
				Counted: "All accounts of the source's own balances, at most every 10 seconds; the 20 largest differences are listed.",
				LeftOut: "Sources without balances of their own are not compared. Why a source cannot be reached: operators find it in the log.",
			},
		}, views.Followed, (*aggregates.Followed).Table),
		show(readMemo(s.Soundness.Cache, once), views.PanelInfo{
			Name: "cache", Title: "For operators: state of the numbers", Width: views.Whole, Shows: views.ShowsNames,
			How: views.How{
				Meaning: "How old the numbers of all pages are, and whether their refresh works.",
				Formula: "Oldest: how long ago the window began that the oldest of up to 50 values describes.",
				Counted: "What one process of this deployment holds; the same as /health/cache.",
				LeftOut: "Names of hosts, and reasons: operators find them in the log.",
			},
		}, views.Cache, (*aggregates.CacheState).Table),
	)
}
