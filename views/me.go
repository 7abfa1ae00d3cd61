package views

import (
	"time"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/claims"
	"exchequer/ledger"
)

// MePath is the page of somebody who has signed in.
const MePath = "/me"

// Me is what somebody who has signed in sees of what is theirs.
type Me struct {
	Subject  string // who it is
	Admin    bool   // they are an admin
	Claims   []claims.Claim
	Accounts *aggregates.WatchedAccounts // nil: they cannot be read now
	Keeper   *aggregates.Keeper          // likewise
	Asked    string                      // the name of the account that the form asks for
	Choices  []Choice                    // accounts that it may mean
	Wrong    string                      // what is wrong with it; may be empty
	Unpaid   string                      // the account whose claim is not proven yet, as Note says
	Note     string                      // what became of the last form; may be empty
	Alerts   *MyAlerts                   // nil: there are none here
	Now      time.Time
}

// Refused reports whether a form was not done, since what was written is wrong.
func (m Me) Refused() bool { return m.Wrong != "" || m.Alerts != nil && m.Alerts.Note != "" }

// asked returns the attributes of the field for the name of an account.
func (m Me) asked() templ.Attributes { return wrongField("claim-wrong", m.Wrong != "") }

// wrongField returns the attributes of a field that was filled in wrongly: it has the focus,
// and what is wrong with it, which has the id, is read with its name.
func wrongField(id string, is bool) templ.Attributes {
	if !is {
		return nil
	}
	return templ.Attributes{"aria-describedby": id, "aria-invalid": "true", "autofocus": true}
}

// proven returns the accounts that are theirs.
func (m Me) proven() []claims.Claim { return m.claims(true) }

// waiting returns the claims that are not proven.
func (m Me) waiting() []claims.Claim { return m.claims(false) }

func (m Me) claims(proven bool) []claims.Claim {
	var all []claims.Claim
	for _, c := range m.Claims {
		if (c.Proven != nil) == proven {
			all = append(all, c)
		}
	}
	return all
}

// needing returns the offers that somebody has to see to: those that sell and are empty,
// and those that buy and are full.
func (m Me) needing() []aggregates.KeptOffer {
	var all []aggregates.KeptOffer
	for _, o := range m.Keeper.Offers {
		if o.Empty || o.Full {
			all = append(all, o)
		}
	}
	return all
}

// needs says what an offer needs.
func needs(o aggregates.KeptOffer) string {
	switch {
	case o.Empty && o.Full:
		return "has none to sell, and no room to buy"
	case o.Empty:
		return "sold out"
	}
	return "full"
}

// piece is the price of one piece of a batch.
func piece(price *int64, batch int64, s ledger.Settings) string {
	if price == nil {
		return "—"
	}
	return UnitPrice(float64(*price)/float64(batch), s)
}

// rivalry compares a price of one's own with that of the best of others, and returns a
// class where somebody else is better.
func rivalry(price *int64, batch int64, rival *aggregates.Rival, selling bool) (text, class string) {
	if price == nil || rival == nil {
		return "", ""
	}
	own := float64(*price) / float64(batch)
	switch better := rival.Piece < own; {
	case rival.Piece == own:
		return "the same", ""
	case better == selling:
		return "better than yours", "down"
	default:
		return "yours is better", "up"
	}
}

// shopPlace is what a shop is called in a line.
func shopPlace(ref, place string) string { return orElse(place, ref) }
