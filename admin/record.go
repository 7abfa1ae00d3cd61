package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// few is how many rows each list of a page of several has.
const few = 50

// record is the page of what people wrote about accounts. It names who is hidden.
func (p *Pages) record(ctx context.Context, q url.Values) ([]block, error) {
	return []block{p.account(ctx, q), p.labels(ctx, q), p.merges(ctx, q), p.hidden(ctx, q), p.names(ctx, q)}, nil
}

// account is one account that was looked up, with what can be done about it.
func (p *Pages) account(ctx context.Context, q url.Values) block {
	ref := pick(q, "account", 512)
	b := block{ID: "account", Title: "Look up an account", Forms: []form{{Action: pathRecord, Get: true, Button: "Look up", Fields: []field{{Name: "account", Label: "Ref of the account", Value: ref, Most: 512, Needed: true}}}}}
	if ref == "" {
		return b
	}
	a, known, err := p.Record.Curated(ctx, ref)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	if !known {
		b.Text = []text{state("watch", "There is no account with this ref. Refs are exact: capitals matter.")}
		return b
	}
	b.Facts = []fact{
		{Name: "Name", Value: link(a.Name, address("/accounts/"+url.PathEscape(a.Ref)))}, {Name: "Kind", Value: plain(string(a.Kind))}, {Name: "Label", Value: plain(cmp.Or(a.Label, "–"))},
		{Name: "Holder", Value: plain(a.Holder)}, {Name: "Merged into", Value: plain(cmp.Or(a.Into, "–"))}, {Name: "Shown", Value: shown(a.Hidden)},
	}
	hide := form{Action: pathDo + "record.hide", Title: "Hide who holds it: all their accounts are named nowhere, and count in every sum", Button: "Hide the holder", Fields: []field{{Kind: "hidden", Name: "holder", Value: a.Holder}}, Danger: true}
	if a.Hidden {
		hide = form{Action: pathDo + "record.show", Title: "Show who holds it again", Button: "Show the holder", Fields: []field{{Kind: "hidden", Name: "holder", Value: a.Holder}}}
	}
	b.Forms = append(b.Forms,
		labelForm(url.Values{"account": {a.Ref}, "label": {a.Label}}), renameForm(url.Values{"account": {a.Ref}, "name": {a.Name}}), mergeForm(url.Values{"account": {a.Ref}, "into": {a.Into}}), hide)
	return b
}

// The forms of an account that was looked up.

func labelForm(in url.Values) form {
	return form{Action: pathDo + "record.label", Title: "Label it", Button: "Label", Fields: []field{
		{Kind: "hidden", Name: "account", Value: in.Get("account")}, {Name: "label", Label: "A short text, shown with its name", Value: in.Get("label"), Most: 128, Help: "empty: none"},
	}}
}

func renameForm(in url.Values) form {
	return form{Action: pathDo + "record.rename", Title: "Rename it", Button: "Rename", Fields: []field{
		{Kind: "hidden", Name: "account", Value: in.Get("account")}, {Name: "name", Label: "Name", Value: in.Get("name"), Most: 256, Needed: true},
	}}
}

func mergeForm(in url.Values) form {
	return form{Action: pathDo + "record.merge", Title: "Merge it", Button: "Merge", Fields: []field{
		{Kind: "hidden", Name: "account", Value: in.Get("account")}, {Name: "into", Label: "Show it as part of the account with the ref", Value: in.Get("into"), Most: 512, Help: "empty: by itself again"},
	}}
}

func shown(hidden bool) text {
	if hidden {
		return state("watch", "its holder is hidden")
	}
	return plain("to all who see accounts")
}

// paged adds the rows of a list to a block, with the link to those that follow.
func paged[T any](b block, all []T, param string, row func(T) []text, key func(T) string) block {
	for i, v := range all {
		if i == few {
			b.More = append(b.More, link("further rows", address(pathRecord, param, key(all[i-1]))+"#"+b.ID))
			break
		}
		b.Rows = append(b.Rows, row(v))
	}
	return b
}

func (p *Pages) toAccount(a ledger.Curated) text {
	return text{Text: a.Name, Href: address(pathRecord, "account", a.Ref), Also: []text{code(a.Ref)}}
}

func (p *Pages) labels(ctx context.Context, q url.Values) block {
	b := block{ID: "labels", Title: "Labels", Columns: []string{"Account", "Label", "Do"}, Empty: "No account has one."}
	all, err := p.Record.Labelled(ctx, pick(q, "label", 512), few+1)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return paged(b, all, "label", func(a ledger.Curated) []text {
		return []text{p.toAccount(a), plain(a.Label), doing("Remove", "record.label", "account", a.Ref)}
	}, func(a ledger.Curated) string { return a.Ref })
}

func (p *Pages) merges(ctx context.Context, q url.Values) block {
	b := block{ID: "merges", Title: "Merged accounts", Columns: []string{"Account", "Shown with", "Do"}, Empty: "None."}
	all, err := p.Record.Merged(ctx, pick(q, "merged", 512), few+1)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return paged(b, all, "merged", func(a ledger.Curated) []text {
		return []text{p.toAccount(a), link(a.Into, address(pathRecord, "account", a.Into)), doing("Undo", "record.merge", "account", a.Ref)}
	}, func(a ledger.Curated) string { return a.Ref })
}

func (p *Pages) hidden(ctx context.Context, q url.Values) block {
	b := block{ID: "hidden", Title: "Hidden holders", Columns: []string{"Holder", "Name", "Kind", "Do"}, Empty: "Nobody is hidden.",
		Text: said("Their accounts count in every sum, and are named nowhere but here.")}
	all, err := p.Record.HiddenHolders(ctx, pick(q, "hidden", 512), few+1)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return paged(b, all, "hidden", func(h ledger.Holder) []text {
		return []text{code(h.Ref), plain(h.Name), plain(h.Kind), doing("Show again", "record.show", "holder", h.Ref)}
	}, func(h ledger.Holder) string { return h.Ref })
}

func (p *Pages) names(ctx context.Context, q url.Values) block {
	b := block{ID: "names", Title: "Names that accounts had", Columns: []string{"Account", "Name", "Until"}, Empty: "None is known."}
	before, err := time.Parse(time.RFC3339Nano, pick(q, "until", 40))
	if err != nil {
		before = time.Now().AddDate(1, 0, 0)
	}
	all, err := p.Record.FormerNamesOf(ctx, before, few+1)
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return paged(b, all, "until", func(n ledger.FormerName) []text {
		return []text{link(n.Account, address(pathRecord, "account", n.Account)), plain(n.Name), p.at(&n.Until, "")}
	}, func(n ledger.FormerName) string { return n.Until.UTC().Format(time.RFC3339Nano) })
}

// writing returns what writes a batch into the record, with the entry.
func (p *Pages) writing(b ledger.Batch) func(context.Context, noting) error {
	return func(ctx context.Context, note noting) error {
		_, err := p.Record.AppendWith(ctx, b, func(ctx context.Context, tx pgx.Tx) error { return note(ctx, tx) })
		return err
	}
}

// tooManyBytes is what is wrong with a text that has no more characters than its form lets
// one write.
const tooManyBytes mistake = "This is too long. Write less of it: letters other than a to z take more room."

// mistakes are what is wrong with a batch that one form has filled, by what the ledger calls
// its record and field.
var mistakes = map[string]fieldMistake{
	"label text":  {tooManyBytes, "label"},
	"merge into":  {"This is the account itself.", "into"},
	"merge ":      {"Other accounts are merged into this one, or only one of the two issues money.", "into"},
	"event ref":   {tooManyBytes, "ref"},
	"event title": {tooManyBytes, "title"},
	"event text":  {tooManyBytes, "text"},
	"event time":  {mistake("Write a time from " + ledger.DefaultOldest().Format(time.DateOnly) + " on."), "at"},
	"event until": {"It ends before it begins.", "until"},
	"event link":  {"Write an address that begins with https://.", "link"},
	"event scope": {"Write all, item:REF of an item that is known here, source:NAME, or kind: and personal, business, government or system.", "scope"},
}

// wrong returns what is wrong with the batch of a form.
func (p *Pages) wrong(ctx context.Context, b ledger.Batch) error {
	err := p.Record.Review(ctx, b)
	if refused := (*ledger.BatchError)(nil); errors.As(err, &refused) && len(refused.Problems) > 0 {
		first := refused.Problems[0]
		if of, known := mistakes[first.What+" "+first.Field]; known {
			return of
		}
		return fieldMistake{mistake(strings.ToUpper(first.Text[:1]) + first.Text[1:] + "."), first.Field}
	}
	return err
}

// named returns the account of a form.
func (p *Pages) named(ctx context.Context, in url.Values, name string) (ledger.Curated, error) {
	a, known, err := p.Record.Curated(ctx, in.Get(name))
	if err == nil && !known {
		err = fieldMistake{mistake("There is no account " + quote(in.Get(name)) + "."), name}
	}
	return a, err
}

func (p *Pages) recordActions() []*action {
	return []*action{
		{"record.label", "Label an account", pathRecord, []string{"account", "label"}, func(ctx context.Context, in url.Values) (plan, error) {
			a, err := p.named(ctx, in, "account")
			if err != nil {
				return plan{}, err
			}
			label, says := in.Get("label"), "is shown with the label "+quote(in.Get("label"))+" wherever it is named."
			if label == "" {
				says = "is shown without the label " + quote(a.Label) + "."
			}
			batch := ledger.Batch{Labels: []ledger.Label{{Account: a.Ref, Text: label}}}
			if err := p.wrong(ctx, batch); err != nil {
				return plan{}, err
			}
			return plan{target: "account " + a.Ref, detail: fmt.Sprintf("%q; before: %q", label, a.Label), button: "Label", says: []string{quote(a.Name) + " (" + a.Ref + ") " + says},
				within: p.writing(batch)}, nil
		}},
		{"record.rename", "Rename an account", pathRecord, []string{"account", "name"}, func(ctx context.Context, in url.Values) (plan, error) {
			a, err := p.named(ctx, in, "account")
			if err != nil {
				return plan{}, err
			}
			name, err := needed(in, "name", "what it is called")
			if err != nil {
				return plan{}, err
			}
			if name == a.Name || name == a.Ref {
				return plan{}, fieldMistake{"It has this name already, or this is its ref.", "name"}
			}
			batch := ledger.Batch{KeepAccounts: true, Accounts: []ledger.Account{{Ref: a.Ref, Kind: a.Kind, Name: name}}}
			if err := p.wrong(ctx, batch); err != nil {
				return plan{}, err
			}
			return plan{target: "account " + a.Ref, detail: fmt.Sprintf("%q; before: %q", name, a.Name), button: "Rename",
				says:   []string{quote(a.Name) + " (" + a.Ref + ") is called " + quote(name) + ". It is still found by its former name.", "A source that is followed, or an import, may give it another name again."},
				within: p.writing(batch)}, nil
		}},
		{"record.merge", "Merge an account", pathRecord, []string{"account", "into"}, func(ctx context.Context, in url.Values) (plan, error) {
			a, err := p.named(ctx, in, "account")
			if err != nil {
				return plan{}, err
			}
			into, says := in.Get("into"), "is shown by itself again."
			if into != "" {
				t, err := p.named(ctx, in, "into")
				if err != nil {
					return plan{}, err
				}
				switch {
				case t.Into != "":
					return plan{}, fieldMistake{mistake(quote(t.Name) + " is itself merged into " + t.Into + ". Merge into that one."), "into"}
				case t.Kind != a.Kind:
					return plan{}, fieldMistake{mistake(fmt.Sprintf("%s is %s, and %s is %s. Only accounts of one kind are merged.", quote(a.Name), a.Kind, quote(t.Name), t.Kind)), "into"}
				}
				says = "is shown as a part of " + quote(t.Name) + " (" + t.Ref + "), whose holder is the holder of both. Nothing is moved, and it can be undone."
			} else if a.Into == "" {
				return plan{}, fieldMistake{"It is not merged with another one. Write the ref of the account to merge it into.", "into"}
			}
			batch := ledger.Batch{Merges: []ledger.Merge{{Account: a.Ref, Into: into}}}
			if err := p.wrong(ctx, batch); err != nil {
				return plan{}, err
			}
			return plan{target: "account " + a.Ref, detail: fmt.Sprintf("into %q; before: %q", into, a.Into), button: "Merge", danger: true,
				says:   []string{quote(a.Name) + " (" + a.Ref + ") " + says, "No earlier number is shown again; day snapshots since its first posting are made anew."},
				within: p.writing(batch)}, nil
		}},
		p.hiding("record.hide", "Hide a holder", true), p.hiding("record.show", "Show a holder", false),
	}
}

// hiding is the action that hides a holder, or shows one again.
func (p *Pages) hiding(name, title string, hide bool) *action {
	return &action{name, title, pathRecord, []string{"holder"}, func(ctx context.Context, in url.Values) (plan, error) {
		h, known, err := p.Record.HolderOf(ctx, in.Get("holder"))
		switch {
		case err != nil:
			return plan{}, err
		case !known:
			return plan{}, mistake("There is no holder " + quote(in.Get("holder")) + ".")
		case h.Hidden == hide:
			return plan{}, mistake("That is so already.")
		}
		h.Hidden = hide
		says, button := []string{quote(h.Name) + " (" + h.Ref + ") is shown as any other holder again."}, "Show"
		if hide {
			button = "Hide"
			says = []string{quote(h.Name) + " (" + h.Ref + ") and all accounts of this holder are named nowhere. They still count in every sum.", "No earlier number is shown again, in any process. What is in files that somebody has, and in dumps, is not called back."}
		}
		return plan{target: "holder " + h.Ref, button: button, danger: hide, says: says, within: p.writing(ledger.Batch{Holders: []ledger.Holder{h}})}, nil
	}}
}
