package views

import (
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"exchequer/ledger"
)

// SearchPath is the address of the search.
const SearchPath = "/search"

// QueryParam is what the search looks for: a text as it is, without spaces around it.
var QueryParam = &Param{Name: "q", Label: "Search", Nearest: func(text string) string {
	return verbatim(cutText(strings.TrimSpace(text)))
}}

// cutText returns the beginning of a text, no longer than a ref may be.
func cutText(text string) string {
	if len(text) <= mostVerbatim {
		return text
	}
	end := mostVerbatim
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// mostSaid is how many characters of a name are shown.
const mostSaid = 100

// A FoundGroup is what a search found of one kind.
type FoundGroup struct {
	What  string `json:"what" doc:"accounts, holders, items, shops, places or transactions."`
	Title string `json:"title"`
	Hits  []Hit  `json:"hits" nullable:"false"`
	More  bool   `json:"more" doc:"Whether there are others."`
	All   string `json:"all,omitempty" doc:"The address of the list of all, where there is one."`
}

// A Hit leads to something that was found.
type Hit struct {
	Name    string `json:"name"`
	Note    string `json:"note"`
	Match   string `json:"match" doc:"exact, begins, contains or similar."`
	Address string `json:"address"`

	kind    ledger.Kind // of an account
	account string      // the address of a holder's account
}

var hitTitles = map[string]string{
	ledger.HitAccounts: "Accounts", ledger.HitHolders: "Holders", ledger.HitItems: "Items",
	ledger.HitShops: "Shops", ledger.HitPlaces: "Places", ledger.HitTransactions: "Transactions",
}

// FoundGroups returns what was found by a text, with where it leads.
func FoundGroups(found *ledger.Hits, text string, s ledger.Settings) []FoundGroup {
	groups := []FoundGroup{}
	for _, g := range found.Groups {
		group := FoundGroup{What: g.What, Title: hitTitles[g.What], More: g.More, Hits: make([]Hit, len(g.Hits))}
		for i, h := range g.Hits {
			group.Hits[i] = hitOf(g.What, h, s)
			group.Hits[i].Match = [...]string{"exact", "begins", "contains", "similar"}[h.Match]
		}
		if g.Hits[0].Match != ledger.MatchSimilar {
			group.All = allOf(g.What, text)
		}
		groups = append(groups, group)
	}
	return groups
}

// Rooted returns the groups with addresses of the site below a root.
func Rooted(root Root, groups []FoundGroup) []FoundGroup {
	for i, g := range groups {
		groups[i].All = root.Of(g.All)
		for j, h := range g.Hits {
			g.Hits[j].Address = root.Of(h.Address)
		}
	}
	return groups
}

func hitOf(what string, h ledger.Hit, s ledger.Settings) Hit {
	hit := Hit{Name: brief(oneLine(h.Name), mostSaid)}
	switch what {
	case ledger.HitAccounts:
		hit.Address, hit.kind = string(accountAddress(h.Ref)), h.Kind
		hit.Note = notes(string(h.Kind), saidNote(h), gone(h.Gone, "archived"))
	case ledger.HitHolders:
		hit.Address, hit.account = HolderInfo.at(h.Ref), string(accountAddress(h.Account))
		hit.Note = ofAccounts(h.Accounts)
	case ledger.HitItems:
		hit.Address = ItemInfo.at(h.Ref)
		hit.Note = orElse(h.Note, h.Ref)
	case ledger.HitShops:
		hit.Name = orElse(hit.Name, h.Ref)
		hit.Address = ShopInfo.at(h.Ref)
		hit.Note = notes(brief(h.Owner, mostName), h.World, gone(h.Gone, "closed"))
	case ledger.HitPlaces:
		asked := []*Param{NearParam, WorldParam}
		hit.Address = "/market/shops" + Params{}.With(asked, NearParam, h.Name).With(asked, WorldParam, h.World).Query()
		hit.Note = notes(h.Note, h.World)
	case ledger.HitTransactions:
		hit.Address = string(transactionAddress(h.Origin, h.Ref))
		hit.Name = orElse(hit.Name, brief(oneLine(h.Ref), mostName))
		hit.Note = notes(Date(h.At, s)+" "+local(h.At, s).Format("15:04"), brief(oneLine(h.Source), mostName))
	}
	return hit
}

func ofAccounts(n int64) string {
	if n == 1 {
		return "1 account"
	}
	return Count(n) + " accounts"
}

// saidNote says by what an account was found, where that is neither its name nor its
// ref.
func saidNote(h ledger.Hit) string {
	if h.Said == h.Name || h.Said == h.Ref {
		return ""
	}
	return "also known as " + brief(oneLine(h.Said), mostName)
}

func gone(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

// notes joins texts that are not empty.
func notes(texts ...string) string {
	var all []string
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return strings.Join(all, " · ")
}

// allOf returns the address of the list of all things of a kind that have a text in
// their name, empty if there is none.
func allOf(what, text string) string {
	var path string
	var d *Param
	switch what {
	case ledger.HitAccounts:
		asked := []*Param{HeldTextParam, HeldOfParam}
		return "/accounts" + Params{}.With(asked, HeldTextParam, HeldTextParam.Nearest(text)).With(asked, HeldOfParam, "all").Query()
	case ledger.HitItems:
		path, d = "/market/items", ItemTextParam
	case ledger.HitTransactions:
		path, d = TransactionsPath, MessageParam
	default:
		return ""
	}
	return path + Params{}.With([]*Param{d}, d, d.Nearest(text)).Query()
}

// Straight returns the address to which a text leads by itself: that of what it is
// exactly, if there is one such thing. An account and its holder are one.
func Straight(groups []FoundGroup) string {
	straight := ""
	for _, g := range groups {
		for _, h := range g.Hits {
			if h.Match == "exact" && h.Address != straight && (h.account == "" || h.account != straight) {
				if straight != "" {
					return ""
				}
				straight = h.Address
			}
		}
	}
	return straight
}

// asked is what the fields of the search on the page of the search say.
func (p Page) asked() templ.Attributes {
	if text := p.Params.Get(QueryParam); text != "" && p.Info.Path == SearchPath {
		return templ.Attributes{"value": text}
	}
	return nil
}
