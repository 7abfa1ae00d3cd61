package views

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// The filters of the list of firms.
var (
	FirmTextParam = SearchParam("q", "Name")
	FirmSortParam = ChoiceParam("sort", "Sort by", options("turnover", "turnover", "rise", "rise of the turnover", "fall", "fall of the turnover",
		"profit", "profit", "loss", "loss", "balance", "balance", "shops", "shops", "name", "name")...)
	FirmSoldParam = CheckParam("sold", "sold in the period")
)

// FirmsSummary shows how many firms there are, and what they made together.
func FirmsSummary(p Page, v *aggregates.Firms) Content {
	if v.Count == 0 {
		return Content{Missing: "There are no business accounts."}
	}
	s := p.Settings
	return Content{Sub: "Holders of business accounts, each with all accounts together; " + within(v.Period, s), Says: sayFirms(p, v), Body: tiles([]tile{
		{Key: "firms", Name: "Firms", Value: Count(v.Count)},
		{Key: "turnover", Name: "Turnover", Value: moneyTile(v.Turnover, s), Exact: Money(v.Turnover, s)},
		{Key: "profit", Name: "Profit together", Value: signedTile(v.Profit, s), Exact: MoneyChange(v.Profit, s)},
		{Key: "gaining", Name: "With a profit", Value: Count(v.Gaining)},
		{Key: "balance", Name: "They hold", Value: moneyTile(v.Balance, s), Exact: Money(v.Balance, s)},
	})}
}

// sayFirms returns a sentence of what firms sold, or of how many had a profit where
// nothing is sold.
func sayFirms(p Page, v *aggregates.Firms) Sentence {
	switch {
	case v.Count < 2:
		return Sentence{}
	case v.Turnover.Sign() <= 0:
		return Sentence{Words: phrase("", Count(v.Gaining), " of "+Plural(v.Count, "firm", "firms")+" made a profit "+within(v.Period, p.Settings))}
	}
	said := phrase("Firms sold goods for ", moneyTile(v.Turnover, p.Settings), " "+within(v.Period, p.Settings))
	if len(v.Firms) == 0 || v.Firms[0].Rank != 1 { // the first one is hidden
		return Sentence{Words: said}
	}
	share := v.Firms[0].Turnover.Float64() / v.Turnover.Float64()
	return Sentence{Words: said, More: phrase("; of it, ", Percent(share), " by the largest of "+Plural(v.Trading, "firm", "firms")+" that sold anything")}
}

// FirmsSub returns the line under the title of the list: how many firms pass the
// filters.
func FirmsSub(matching int, v *aggregates.Firms, s ledger.Settings) string {
	sub := Plural(int64(matching), "firm", "firms")
	if int64(matching) != v.Count {
		sub = Count(int64(matching)) + " of " + Plural(v.Count, "firm", "firms")
	}
	sub += ", " + within(v.Period, s)
	if v.Hidden > 0 {
		sub += "; " + Count(v.Hidden) + " of hidden holders are not listed"
	}
	if left := v.Count - v.Hidden - int64(len(v.Firms)); left > 0 {
		sub += "; " + Count(left) + ", the last in the order of turnover and balance, are not listed"
	}
	return sub
}

// FirmRows returns the rows of the list of firms. Ages are those at the end of the
// period.
func FirmRows(firms []aggregates.ListedFirm, v *aggregates.Firms, s ledger.Settings) templ.Component {
	wages := slices.ContainsFunc(v.Firms, func(f aggregates.ListedFirm) bool { return f.Wages != nil })
	return firmRows(firms, v.Turnover.Sign() > 0 || v.Shops > 0, wages, v.End, s)
}

// businessesOf names the business accounts of a firm, and says whether it has personal
// ones; empty where it has one account, of its own name.
func businessesOf(f aggregates.ListedFirm) string {
	if !f.Personal && f.Accounts == 1 && len(f.Businesses) == 1 && f.Businesses[0] == f.Name {
		return ""
	}
	var names []string
	for _, name := range f.Businesses {
		names = append(names, brief(readable(name), mostName))
	}
	text := strings.Join(names, ", ")
	if left := f.Accounts - int64(len(names)); left > 0 {
		text += " and " + Count(left) + " more"
	}
	if f.Personal {
		text += "; with personal accounts"
	}
	return text
}

// turnoverChange writes how the turnover of a firm changed, with its class.
func turnoverChange(f aggregates.ListedFirm) (text, class string) {
	if f.Change() == nil {
		return "", ""
	}
	text = Change(f.Ended.Float64(), f.Before.Float64())
	return text, direction(*f.Change(), text)
}
