package views

import (
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
)

// ledgersPath is where ledgers are, of a process that serves several.
const ledgersPath = "/c/"

// A LedgerLink leads to one of several ledgers.
type LedgerLink struct{ Name string } // in addresses

// LedgerRoot returns the root of the site of a ledger.
func LedgerRoot(name string) Root { return Root(ledgersPath + name) }

// Ledger returns the name of the ledger of which this is the root, empty if it is none's.
func (r Root) Ledger() string { return strings.TrimPrefix(string(r), ledgersPath) }

// front returns the address of the first page of a site.
func (s Site) front() string {
	if s.Apart {
		return AdminPath
	}
	if s.Index {
		return "/"
	}
	return home
}

// A LedgerSummary is what the index says of one ledger. What is not known, or not for
// visitors, is nil.
type LedgerSummary struct {
	Name                    string
	Settings                ledger.Settings // zero if it is not known
	Why                     string          // there are no numbers
	Accounts, Holders       *int64
	Supply                  *ledger.Sum
	TransactionsWeek        *int64
	TransactionsMonth       *int64
	ActiveWeek, ActiveMonth *int64
	Gini                    *float64
	AsOf                    time.Time
}

// AddWeek adds what is known of the last 7 days.
func (l *LedgerSummary) AddWeek(o *aggregates.Overview) { l.TransactionsWeek = o.Transactions.Now }

// AddMonth adds what is known of the last 30 days.
func (l *LedgerSummary) AddMonth(o *aggregates.Overview, asOf time.Time) {
	holders, active := o.Holders, o.Active30
	l.Holders, l.Supply, l.TransactionsMonth = &holders, o.Supply.Now, o.Transactions.Now
	l.ActiveWeek, l.ActiveMonth, l.AsOf = o.Active.Now, &active, asOf
}

// IndexPages says which of how many pages of the index is shown, from 1.
type IndexPages struct{ Number, Of int }

// indexPage returns the address of a page of the index.
func indexPage(number int) templ.SafeURL { return templ.SafeURL("/?page=" + strconv.Itoa(number)) }

func (l LedgerSummary) title() string { return orElse(l.Settings.Name, l.Name) }

// address returns the name of the ledger in addresses, where it is not its title: several
// ledgers may have one title, or none yet.
func (l LedgerSummary) address() string {
	if l.title() == l.Name {
		return ""
	}
	return " · " + l.Name
}

// currency returns the symbol of the ledger's money.
func (l LedgerSummary) currency() string { return orElse(l.Settings.Symbol, "–") }

// unknownCell stands for a number that is not known.
const unknownCell = "–"

func countCell(n *int64) string {
	if n == nil {
		return unknownCell
	}
	return Count(*n)
}

func (l LedgerSummary) supply() string {
	if l.Supply == nil {
		return unknownCell
	}
	return moneyTile(*l.Supply, l.Settings)
}

func (l LedgerSummary) gini() string {
	if l.Gini == nil {
		return unknownCell
	}
	return Decimal(*l.Gini, 3)
}

func (l LedgerSummary) asOf() string {
	if l.AsOf.IsZero() {
		return unknownCell
	}
	return Time(l.AsOf, l.Settings) + " " + Zone(l.AsOf, l.Settings)
}

// frontName is what a link to the first page says.
func (s Site) frontName() string {
	if s.Apart {
		return "To the pages of admins"
	}
	return "To the economy"
}
