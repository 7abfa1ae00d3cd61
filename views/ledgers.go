package views

import (
	"strings"
	"time"

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
	Name     string
	Settings ledger.Settings // zero if it is away
	Why      string          // there are no numbers
	Accounts *int64
	Week     *aggregates.Overview
	Month    *aggregates.Overview
	Unequal  *aggregates.Inequality
	AsOf     time.Time
}

func (l LedgerSummary) title() string { return orElse(l.Settings.Name, l.Name) }

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

func (l LedgerSummary) holders() *int64 {
	if l.Month == nil {
		return nil
	}
	return &l.Month.Holders
}

func (l LedgerSummary) supply() string {
	if l.Month == nil || l.Month.Supply.Now == nil {
		return unknownCell
	}
	return moneyTile(*l.Month.Supply.Now, l.Settings)
}

func transactionsIn(o *aggregates.Overview) *int64 {
	if o == nil {
		return nil
	}
	return o.Transactions.Now
}

// active returns how many holders took part in the last 7 days, and in the last 30.
func (l LedgerSummary) active() (week, month *int64) {
	if l.Month == nil {
		return nil, nil
	}
	return l.Month.Active.Now, &l.Month.Active30
}

func (l LedgerSummary) gini() string {
	if l.Unequal == nil || l.Unequal.Gini.Value == nil {
		return unknownCell
	}
	return Decimal(*l.Unequal.Gini.Value, 3)
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
