package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/alerts"
)

// alerts is the page of rules, receivers and messages.
func (p *Pages) alerts(ctx context.Context, q url.Values) ([]block, error) {
	status, err := alerts.ReadStatus(ctx, p.DB)
	if err != nil {
		return nil, err
	}
	rules := block{ID: "rules", Title: "Rules of this site", Columns: []string{"Rule", "When", "State", "Last alert", "To"}, Empty: "There are none. They are in a file, which EXCHEQUER_ALERTS names."}
	if status.Evaluated != nil {
		rules.Text = said("Looked at " + ago(*status.Evaluated) + " ago.")
	}
	for _, r := range status.Rules {
		to := strings.Join(r.Rule.To, ", ")
		if r.Rule.Public {
			to = joined(to, "feed")
		}
		rules.Rows = append(rules.Rows, []text{plain(r.Rule.Name), plain(r.Rule.String()), ruleState(r, status.Evaluated), p.at(r.Fired, "never"), plain(to)})
	}
	receivers := block{ID: "receivers", Title: "Receivers", Columns: []string{"Receiver", "Kind", "State", "Waiting", "Last sent", "Do"}, Empty: "There are none. They are in the same file."}
	for _, r := range status.Receivers {
		do := doing("Send a test", "alert.test", "receiver", r.Name)
		if r.Off != nil {
			do.Also = []text{doing("Turn on", "alert.enable", "receiver", r.Name)}
		}
		receivers.Rows = append(receivers.Rows, []text{plain(r.Name), plain(string(r.Kind)), receiverState(r), number(r.Pending), p.at(r.Sent, "never"), do})
	}
	messages, err := p.deliveries(ctx, q)
	if err != nil {
		return nil, err
	}
	return []block{rules, p.persons(ctx, q), receivers, messages}, nil
}

// receiverState returns how a receiver stands.
func receiverState(r alerts.ReceiverStatus) text {
	switch {
	case r.Off != nil:
		return state("bad", "off for "+ago(*r.Off)+": "+r.Problem)
	case r.Failures > 0:
		return state("watch", fmt.Sprintf("%d failures in a row: %s", r.Failures, r.Problem))
	}
	return state("good", "on")
}

// persons lists the rules of people who have signed in. Where they go is a secret of theirs.
func (p *Pages) persons(ctx context.Context, q url.Values) block {
	b := block{ID: "persons", Title: "Rules of people", Columns: []string{"Whose", "When", "State", "Last alert", "Do"}, Empty: "Nobody has made one.",
		Text: said("Who has signed in makes these on their own page. Each may have " + fmt.Sprint(alerts.MostRules) + ".")}
	all, err := alerts.PersonsRules(ctx, p.DB, pick(q, "owner", 512), pick(q, "rule", 64), rowsShown+1)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	for i, r := range all {
		if i == rowsShown {
			last := all[i-1].Rule
			b.More = []text{link("further rules", address(pathAlerts, "owner", last.Owner, "rule", last.Name)+"#persons")}
			break
		}
		is := plain("watched")
		if r.Problem != "" {
			is = state("watch", r.Problem)
		}
		b.Rows = append(b.Rows, []text{plain(r.Rule.Owner), plain(watches(r.Rule)), is, p.at(r.Fired, "never"), doing("Remove", "alert.remove", "owner", r.Rule.Owner, "rule", r.Rule.Name)})
	}
	return b
}

// watches returns the rule in words.
func watches(r alerts.Rule) string {
	return cmp.Or(r.String(), "a rule of another version of this program")
}

// ruleState returns how a rule stands. One that is not evaluated with the others is gone
// from the file.
func ruleState(r alerts.RuleStatus, evaluated *time.Time) text {
	switch {
	case r.Problem != "":
		return state("bad", r.Problem)
	case evaluated != nil && r.Evaluated.Before(evaluated.Add(-time.Hour)):
		return plain("not in the file for " + ago(r.Evaluated))
	case len(r.Firing) > 0:
		return state("watch", cutText(r.Holds(), 200))
	}
	return plain("armed")
}

// deliveries lists messages, the latest first.
func (p *Pages) deliveries(ctx context.Context, q url.Values) (block, error) {
	before, err := time.Parse(time.RFC3339Nano, pick(q, "before", 40))
	if err != nil {
		before = time.Now().AddDate(1, 0, 0)
	}
	all, err := alerts.DeliveriesBefore(ctx, p.DB, before, rowsShown+1)
	if err != nil {
		return block{}, err
	}
	b := block{ID: "messages", Title: "Messages", Columns: []string{"When", "Rule", "Receiver", "State", "Attempts", "Outcome", "Title"}, Empty: "None yet."}
	for i, d := range all {
		if i == rowsShown {
			b.More = []text{link("older", address(pathAlerts, "before", all[i-1].Created.UTC().Format(time.RFC3339Nano))+"#messages")}
			break
		}
		is := plain(d.Status)
		switch d.Status {
		case "sent":
			is = state("good", d.Status)
		case "failed", "dropped":
			is = state("bad", d.Status)
		}
		b.Rows = append(b.Rows, []text{p.at(&d.Created, ""), plain(d.Rule), plain(d.Receiver), is, number(d.Attempts), plain(cmp.Or(d.Outcome, "–")), plain(d.Title)})
	}
	return b, nil
}

func (p *Pages) alertActions() []*action {
	return []*action{
		{"alert.remove", "Remove a rule of somebody", pathAlerts, []string{"owner", "rule"}, func(ctx context.Context, in url.Values) (plan, error) {
			owner, name := in.Get("owner"), in.Get("rule")
			// The one before it in the list ends where it begins.
			all, err := alerts.PersonsRules(ctx, p.DB, owner, "", alerts.MostRules)
			if err != nil {
				return plan{}, err
			}
			i := slices.IndexFunc(all, func(r alerts.PersonsRule) bool { return r.Rule.Owner == owner && r.Rule.Name == name })
			if i < 0 {
				return plan{}, mistake("There is no such rule: its owner may have removed it.")
			}
			what := watches(all[i].Rule)
			return plan{target: "rule " + name + " of " + owner, detail: what, button: "Remove the rule", danger: true,
				says: []string{"Removes the rule " + quote(what) + " of " + quote(owner) + ". Nothing more is sent because of it.", "Its owner is not told, and can make it again."},
				within: within(p.DB, func(ctx context.Context, tx pgx.Tx) error {
					return unlessGone(alerts.RemovePersonsRule(ctx, tx, owner, name))
				})}, nil
		}},
		{"alert.enable", "Turn a receiver on", pathAlerts, []string{"receiver"}, func(_ context.Context, in url.Values) (plan, error) {
			name, err := needed(in, "receiver", "which receiver")
			if err != nil {
				return plan{}, err
			}
			return plan{target: "receiver " + name, button: "Turn on", says: []string{"Sends to " + quote(name) + " again, at once: what waits, too."},
				within: within(p.DB, func(ctx context.Context, tx pgx.Tx) error {
					return unlessGone(alerts.TurnOn(ctx, tx, name))
				})}, nil
		}},
		{"alert.test", "Send a test", pathAlerts, []string{"receiver"}, func(_ context.Context, in url.Values) (plan, error) {
			name := in.Get("receiver")
			var to []alerts.Receiver
			if p.Alerts != nil {
				to = p.Alerts.ReceiversOf(name)
			}
			if len(to) != 1 {
				return plan{}, mistake("The file of rules of this process has no receiver " + quote(name) + ".")
			}
			return plan{target: "receiver " + name, button: "Send", says: []string{"Sends one message to " + quote(name) + " that says it is a test."},
				beside: func(ctx context.Context) (string, error) {
					return p.Sender.Send(ctx, to[0], alerts.TestMessage(name, p.Settings().Name, p.BaseURL, time.Now()))
				}}, nil
		}},
	}
}
