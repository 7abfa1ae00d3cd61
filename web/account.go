package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// account declares the page of an account: what it holds, received and sent, with
// whom, and its statement.
func (s *server) account() *page {
	byAccount := func(p views.Params) aggregates.AccountQuery {
		return aggregates.AccountQuery{Account: p.Ref, Days: byDays(p)}
	}
	account := readAsOf(s.API.Account, s.API.Past.Account, byAccount, views.DaysParam)
	sides := readAsOf(s.API.Sides, s.API.Past.Sides, byAccount, views.DaysParam)
	trading := readMemo(s.API.Trading, byAccount, views.DaysParam)
	events := readMemo(s.API.Events, everywhere)
	p := declare(views.PageInfo{
		Path: views.AccountInfo.Path, Reserved: views.AccountInfo.Reserved, Name: "Account", Wealth: true,
		Above:       []views.MenuEntry{{Name: "Accounts", Path: "/accounts", Dated: true}},
		Description: "What this account of {economy} holds, received and sent.",
	},
		show(account, views.PanelInfo{
			Name: "figures", Title: "Balance", Width: views.Whole, Shows: views.ShowsDealings, Strip: true,
			How: views.How{
				Meaning: "What the account holds, and what came in and went out.",
				Formula: "Received: the sum of its positive postings. Sent: of its negative ones. Change: received − sent.",
				Counted: "All postings of the account in the period; balances are those of now.",
				LeftOut: "Nothing. What the holder has together is without issuers.",
			},
		}, views.Account, (*aggregates.Account).FiguresTable).otherwise(show(account, views.PanelInfo{
			Name: "figures", Title: "Balance", Width: views.Whole, Strip: true, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "What the account holds.",
				Formula: "Change: balance now − balance when the period began.",
				Counted: "All postings of the account; balances are those of now.",
				LeftOut: "What it received and sent, which is shown to viewers only. What the holder has together is without issuers.",
			},
		}, views.AccountHeld, (*aggregates.Account).HeldTable)),
		show(account, views.PanelInfo{
			Name: "balance", Title: "Balance over time", Width: views.TwoThirds, Shows: views.ShowsDealings, How: howBalance,
		}, views.AccountBalance, (*aggregates.Account).Table).flagged(events).otherwise(show(account, views.PanelInfo{
			Name: "balance", Title: "Balance over time", Width: views.TwoThirds, Shows: views.ShowsBalances, How: howBalance,
		}, views.AccountBalance, (*aggregates.Account).BalanceTable).flagged(events)),
		showOf(placing{s, account}, views.PanelInfo{
			Name: "rank", Title: "Among all holders", Width: views.Rest, Shows: views.ShowsSums, Params: account.declared,
			How: views.How{
				Meaning: "How rich the holder is, with all accounts together.",
				Formula: "Rank: holders with more, plus one. Richer than: holders with less / all holders. With more than 1,000 holders, both are right to a thousandth of them.",
				Counted: "Holders of personal accounts; for a business, of personal and business accounts; else of all. All their accounts of these kinds summed.",
				LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
			},
		}, views.AccountPlace, (*aggregates.AccountPlace).Table),
		show(account, views.PanelInfo{
			Name: "moves", Title: "In and out", Width: views.TwoThirds, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "What came in, above the line, and what went out, below it.",
				Formula: "Sums of the positive and of the negative postings of the account.",
				Counted: "All postings of the account in the period.",
				LeftOut: "Other accounts of the same holder.",
			},
		}, views.AccountMoves, (*aggregates.Account).Table),
		show(account, views.PanelInfo{
			Name: "holder", Title: "Holder", Width: views.Rest, Shows: views.ShowsBalances,
			How: views.How{
				Meaning: "Whose account this is, as the record says, and what the holder's accounts have together.",
				Formula: "None: balances of now.",
				Counted: "All accounts of the holder; the 20 with the largest balances are in the table.",
				LeftOut: "Of the sum: issuers. Merged accounts are part of the account into which they are merged.",
			},
		}, views.AccountHolder, (*aggregates.Account).HolderTable),
		show(sides, views.PanelInfo{
			Name: "income", Title: "Where it comes from", Width: views.Third, Shows: views.ShowsDealings, How: howBySource,
		}, views.AccountIncome, (*aggregates.AccountSides).SourcesTable),
		show(sides, views.PanelInfo{
			Name: "spending", Title: "Where it goes", Width: views.Third, Shows: views.ShowsDealings, How: howBySource,
		}, views.AccountSpending, (*aggregates.AccountSides).SourcesTable),
		show(sides, views.PanelInfo{
			Name: "parties", Title: "With whom", Width: views.Third, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "Who paid the account, and whom it paid.",
				Formula: "Of each transaction, what each account gained or lost on balance. Where several paid and several received, each paid each in proportion.",
				Counted: "All transactions of the period. The 20 with the largest sum of both directions are listed; all others are one row.",
				LeftOut: "Nothing. Hidden holders are one row, and so are transactions with more than 1,000 pairs of accounts.",
			},
		}, views.AccountParties, (*aggregates.AccountSides).PartiesTable).inFull(s.readWhole(aggregates.PartyColumns(), func(ctx context.Context, p views.Params, yield func([]any) error) error {
			return s.Economy.AccountParties(ctx, aggregates.AsOf[aggregates.AccountQuery]{Of: byAccount(p), At: asOf(p)}, yield)
		})),
		show(account, views.PanelInfo{
			Name: "calendar", Title: "Active days", Width: views.Whole, Shows: views.ShowsDealings,
			How: views.How{
				Meaning: "On which days the account was used: the darker, the more.",
				Formula: "Postings of the account by day.",
				Counted: "The 53 weeks from Monday that end now, whatever the period; the last 26 of an account that was not used before them.",
				LeftOut: "Earlier days.",
			},
		}, views.AccountCalendar, (*aggregates.Account).CalendarTable),
		show(trading, views.PanelInfo{
			Name: "shops", Title: "Shops", Width: views.Half, Shows: views.ShowsDealings,
			How: howShops("account"),
		}, views.AccountShops, (*aggregates.AccountTrading).ShopsTable).where(hasShops),
		show(trading, views.PanelInfo{
			Name: "goods", Title: "Goods sold", Width: views.Quarter, Shows: views.ShowsDealings,
			How: howGoods("What the account sold, in shops or elsewhere.", "the account is the seller"),
		}, views.AccountSold, (*aggregates.AccountTrading).GoodsTable).where(hasSales),
		show(trading, views.PanelInfo{
			Name: "bought", Title: "Goods bought", Width: views.Quarter, Shows: views.ShowsDealings,
			How: howGoods("What the account bought, in shops or elsewhere.", "the account is the buyer"),
		}, views.AccountBought, (*aggregates.AccountTrading).BoughtTable).where(hasSales),
	)
	p.thing = unknownAccount
	p.exists = func(ctx context.Context, ref string) error {
		err := checkExists(ctx, s.API.Accounts, ref, p.thing)
		if errors.Is(err, errNotFound) {
			return s.accountCalled(ctx, ref)
		}
		return err
	}
	p.forget = func(params views.Params) { s.API.Accounts.Forget(params.Ref) }
	p.shown = func(value any) string { return value.(*aggregates.Account).ID }
	p.subject = func(value any) string { return value.(*aggregates.Account).Name }
	p.lists(s.statement())
	return s.knowsPast(p)
}

var howBalance = views.How{
	Meaning: "What the account held at the end of each day, or of each longer step.",
	Formula: "The balance of now, without what was posted after that day.",
	Counted: "All postings, and those of the accounts that are merged into this one.",
	LeftOut: "Nothing.",
}

var howBySource = views.How{
	Meaning: "What kind of transactions bring money in, and take it out.",
	Formula: "Postings by the source of their transactions: the subsystem that wrote them.",
	Counted: "The postings of the period, of more than 20,000 the latest 20,000.",
	LeftOut: "Nothing. Sources after the first 20 are one row.",
}

// placing is the reading of an account's place: its value, and the balances of all
// populations, of which it takes one.
type placing struct {
	s       *server
	account *reading[aggregates.AccountQuery, *aggregates.Account]
}

func (r placing) open(p views.Params) source {
	return r.s.placed(r.account.open(p), asOf(p), func(value any) *aggregates.Account { return value.(*aggregates.Account) })
}

// placed returns the source of a place among all holders, of what has the first
// reading's value, as of a day or of now.
func (s *server) placed(first source, at aggregates.Date, of func(value any) *aggregates.Account) source {
	populations := aggregates.Populations()
	joined := &joinedSource{parts: []source{first}, join: func(values []any) any {
		var ladders []*aggregates.Ladder
		var all []*aggregates.Inequality
		for i := range populations {
			ladders = append(ladders, values[1+2*i].(*aggregates.Ladder))
			all = append(all, values[2+2*i].(*aggregates.Inequality))
		}
		return aggregates.PlaceOf(of(values[0]), ladders, all)
	}}
	for _, population := range populations {
		if at != "" {
			joined.parts = append(joined.parts,
				&memoSource[aggregates.AsOf[aggregates.Population], *aggregates.Ladder]{memo: s.API.Past.Ladder, p: aggregates.AsOf[aggregates.Population]{Of: population, At: at}},
				&memoSource[aggregates.AsOf[aggregates.InequalityQuery], *aggregates.Inequality]{memo: s.API.Past.Inequality,
					p: aggregates.AsOf[aggregates.InequalityQuery]{Of: aggregates.InequalityQuery{Population: population}, At: at}})
			continue
		}
		joined.parts = append(joined.parts,
			&memoSource[aggregates.Population, *aggregates.Ladder]{memo: s.Economy.Ladder, p: population},
			&memoSource[aggregates.InequalityQuery, *aggregates.Inequality]{memo: s.Economy.Inequality, p: aggregates.InequalityQuery{Population: population}})
	}
	return placedSource{joined}
}

// A placedSource has the times of its account, since the populations are newer at
// most.
type placedSource struct{ *joinedSource }

func (p placedSource) clock(c *views.Clock) { p.parts[0].clock(c) }

// mostChoices is how many things of one name a visitor is offered.
const mostChoices = 10

// A severalError means that an address has the name of several accounts in the
// place of a ref.
type severalError struct{ found []ledger.Found }

func (*severalError) Error() string        { return "several accounts have this name" }
func (*severalError) Is(target error) bool { return target == errNotFound }
func (*severalError) text() string         { return textSeveral }

// choices returns links to the accounts.
func (e *severalError) choices() []views.Choice {
	var all []views.Choice
	for _, f := range e.found[:min(len(e.found), mostChoices)] {
		c := views.Choice{Name: f.Name, Note: f.Ref, Path: at(views.AccountInfo.Path, f.Ref)}
		if f.Former != "" {
			c.Note += ", also known as " + f.Former
		}
		all = append(all, c)
	}
	return all
}

// accountCalled returns a *movedError to the only account that has or had a name, a
// *severalError if there are several, and unknownAccount if there is none.
func (s *server) accountCalled(ctx context.Context, name string) error {
	found, err := s.accountsCalled(ctx, name)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return unknownAccount
	case len(found) == 1:
		return &movedError{ref: found[0].Ref, code: http.StatusFound}
	}
	return &severalError{found}
}

// accountsCalled returns the accounts that have or had a name. It looks the name up
// as [checkExists] does a ref.
func (s *server) accountsCalled(ctx context.Context, name string) ([]ledger.Found, error) {
	looking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var found []ledger.Found
	err := s.API.Accounts.LookUp(looking, func(ctx context.Context) (err error) {
		found, err = s.Record.Find(ctx, name)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUncertain, err)
	}
	return found, nil
}
