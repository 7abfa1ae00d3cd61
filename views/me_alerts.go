package views

import (
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// MyFeed begins the addresses of people's own feeds. What follows is a secret.
const MyFeed = MePath + "/alerts/"

// MyAlerts are the rules of somebody who has signed in, and where their alerts go.
type MyAlerts struct {
	Rules      []MyRule
	Receivers  []MyReceiver
	Deliveries []MyDelivery // the latest
	Feed       *time.Time   // since when its address is good; nil: there is none

	Typed     TypedRule
	Receiver  TypedReceiver
	Note      string   // why the last form about alerts was refused; may be empty
	About     string   // the form that the note is about: "rule", "receiver" or empty
	Field     string   // and its field; empty: none of them alone
	Secret    string   // of a receiver that was just made; it is shown once
	Address   string   // of the feed, likewise
	Things    []Choice // that a rule may be about, and that are theirs: Path is what to write
	MostRules int
	MostHooks int
	MostADay  int
}

// wrong returns the attributes of a field of a form.
func (a *MyAlerts) wrong(about, field string) templ.Attributes {
	return wrongField(about+"-wrong", a.Note != "" && a.About == about && a.Field == field)
}

// A MyRule is a rule and how it stands.
type MyRule struct {
	Name      string
	Kind      string
	Of        string
	Value     string
	To        []string
	Evaluated *time.Time // nil: not yet
	Fired     *time.Time // nil: never yet
	Problem   string     // why it could not be evaluated
	Unsent    int        // alerts since the last one that were too many for a day
	Holds     bool
}

// A MyReceiver is where alerts are sent to.
type MyReceiver struct {
	Name     string
	Kind     string
	Host     string // the rest of its address is a secret
	Failures int    // in a row
	Off      *time.Time
	Problem  string
}

// A MyDelivery is a message to a receiver.
type MyDelivery struct {
	Created  time.Time
	Title    string
	Receiver string
	Status   string
	Attempts int
	Outcome  string
}

// A TypedRule is what somebody typed into the form for a rule.
type TypedRule struct {
	Kind, Of, Value string
	To              []string
}

// A TypedReceiver is what somebody typed into the form for a receiver.
type TypedReceiver struct{ Kind, Address string }

// A RuleKind is what a rule of somebody may watch.
type RuleKind struct{ Kind, Text string }

// RuleKinds are all of them.
func RuleKinds() []RuleKind {
	return []RuleKind{
		{"price_above", "the price of an item is above"},
		{"price_below", "the price of an item is below"},
		{"spread_above", "the spread of an item is above"},
		{"spread_below", "the spread of an item is below"},
		{"stock_appears", "an item comes into stock"},
		{"stock_ends", "an item goes out of stock"},
		{"account_received", "my account receives more than"},
		{"account_paid", "my account pays more than"},
		{"shop_sold", "my shop sells something"},
		{"shop_empty", "my shop is empty"},
		{"indicator", "an indicator of health changes"},
	}
}

// receiverKinds are what an address may be of.
func receiverKinds() []RuleKind {
	return []RuleKind{{"discord", "Discord"}, {"slack", "Slack"}, {"webhook", "a program (signed webhook)"}}
}

// what says what a rule watches.
func (r MyRule) what() string {
	i := slices.IndexFunc(RuleKinds(), func(k RuleKind) bool { return k.Kind == r.Kind })
	if i < 0 {
		return r.Kind
	}
	text := RuleKinds()[i].Text
	if r.Value != "" {
		text += " " + r.Value
	}
	return text
}

// state says how a rule stands.
func (r MyRule) state() string {
	switch {
	case r.Evaluated == nil:
		return "new"
	case r.Problem != "":
		return "not watched"
	case r.Holds:
		return "true now"
	}
	return "watched"
}

// to says where the alerts of a rule go.
func (r MyRule) to() string { return orElse(strings.Join(r.To, ", "), "the feed alone") }

// state says how sending to a receiver goes.
func (r MyReceiver) state() string {
	switch {
	case r.Off != nil:
		return "off, since it failed for a day"
	case r.Failures > 0:
		return "failing"
	}
	return "on"
}

// moment is when something was, "never" if it was not.
func (m Me) moment(p Page, t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.In(p.Settings.Zone()).Format("2 January 15:04")
}
