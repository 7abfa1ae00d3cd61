package views

import (
	"slices"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

// WatchPath is the address of the page of what a reader watches.
const WatchPath = "/watch"

// The parameters of a list to watch.
var (
	WatchItemsParam    = refsParam("i", "Items, with ~ between them; at most 20")
	WatchAccountsParam = refsParam("a", "Accounts, with ~ between them; at most 20")
)

func refsParam(name, label string) *Param {
	return &Param{
		Name: name, Label: label, Free: true,
		Nearest: func(text string) string { return aggregates.JoinRefs(aggregates.ParseRefs(text)) },
	}
}

// WatchParams are the parameters of a list to watch, in the order of addresses.
func WatchParams() []*Param { return []*Param{WatchItemsParam, WatchAccountsParam} }

// WatchWith returns the parameters of a list with other refs of items, or of accounts.
func WatchWith(p Params, of *Param, refs []string) Params {
	return p.Of(WatchParams()).With(WatchParams(), of, of.Nearest(aggregates.JoinRefs(refs)))
}

// watchLink returns the address of a list that begins with an item, or an account.
func watchLink(of *Param, ref string) templ.SafeURL {
	return templ.SafeURL(WatchPath + WatchWith(Params{}, of, []string{ref}).Query())
}

// A watchForm adds a thing to a list.
type watchForm struct {
	Params
	what    string // "item" or "account"
	of      *Param
	watched int // things that the list has
}

// carried returns the parameters that the form carries as they are.
func (f watchForm) carried() []*Param {
	return slices.DeleteFunc(WatchParams(), func(d *Param) bool { return f.Get(d) == d.Default })
}

func (p Page) watchForm(what string, of *Param) *watchForm {
	if p.Only != nil {
		return nil // a panel by itself knows half of the list
	}
	return &watchForm{p.Params, what, of, len(aggregates.ParseRefs(p.Params.Get(of)))}
}

// without returns the link that removes a thing from the list, by the refs that name
// it, and an empty one where the whole list is not known, or the page is of no such list.
func (p Page) without(of *Param, refs ...string) templ.SafeURL {
	if p.Only != nil || p.Info.Path != WatchPath {
		return ""
	}
	left := slices.DeleteFunc(aggregates.ParseRefs(p.Params.Get(of)), func(ref string) bool { return slices.Contains(refs, ref) })
	return templ.SafeURL(WatchPath + WatchWith(p.Params, of, left).Query())
}

// watchExample returns the address of the list with examples.
func (p Page) watchExample(of *Param, refs []string) templ.SafeURL {
	return templ.SafeURL(WatchPath + WatchWith(p.Params, of, refs).Query())
}

// WatchItems shows the items of a list.
func WatchItems(p Page, v *aggregates.WatchedItems) Content {
	form := p.watchForm("item", WatchItemsParam)
	if len(v.Items)+len(v.Unknown) == 0 {
		return Content{Sub: "None yet. The list is in the address of this page: keep it, or share it. Nothing is stored here", Body: watchStart(p, form, WatchItemsParam, v.Example)}
	}
	return Content{Sub: "Now, and how the price changed in 1, 7 and 30 days" + symbolNote(p.Settings), Body: watchedItems(p, v, form)}
}

// WatchAccounts shows the accounts of a list.
func WatchAccounts(p Page, v *aggregates.WatchedAccounts) Content {
	form := p.watchForm("account", WatchAccountsParam)
	if len(v.Accounts)+len(v.Unknown) == 0 {
		return Content{Sub: "None yet", Body: watchStart(p, form, WatchAccountsParam, v.Example)}
	}
	return Content{Sub: "Now, and how the balance changed in 1, 7 and 30 days" + symbolNote(p.Settings), Body: watchedAccounts(p, v, form)}
}

// watchRank writes the rank of an account's holder.
func watchRank(a aggregates.WatchedAccount) (text, title string) {
	if a.Rank == 0 {
		return "—", "Not ranked: issuers and archived accounts are not, and accounts that were never used"
	}
	about := ""
	if !a.Exact {
		about = "about "
	}
	return about + Count(a.Rank), "Of " + Count(a.Holders) + " " + holdersOf[a.Population]
}
