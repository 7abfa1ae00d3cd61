package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"exchequer/ledger"
)

// timeForm is how times are written in forms: that of the economy.
const timeForm = "2006-01-02 15:04"

// events is the page of what people remember when they look at a chart.
func (p *Pages) events(ctx context.Context, q url.Values) ([]block, error) {
	b := block{ID: "events", Title: "Events", Columns: []string{"Title", "When", "Until", "About", "Ref", "Do"}, Empty: "There are none."}
	all, err := p.Record.AllEvents(ctx, pick(q, "after", 512), rowsShown+1)
	if err != nil {
		return nil, err
	}
	for i, e := range all {
		if i == rowsShown {
			b.More = []text{link("further events", address(pathEvents, "after", all[i-1].Ref))}
			break
		}
		b.Rows = append(b.Rows, []text{link(e.Title, address(pathEvents, "event", e.Ref)+"#edit"), p.at(&e.At, ""), p.at(&e.Until, "–"), plain(e.Scope), code(e.Ref), doing("Remove", "event.remove", "ref", e.Ref)})
	}
	edit := block{ID: "edit", Title: "Add an event, or change one"}
	e, known, err := p.Record.EventOf(ctx, pick(q, "event", 512))
	if err != nil {
		return nil, err
	}
	ref := e.Ref
	if !known {
		e.At = time.Now()
		ref = "admin-" + e.At.UTC().Format("20060102-150405")
	}
	edit.Forms = []form{eventForm(p)(url.Values{
		"ref": {ref}, "at": {p.written(e.At)}, "until": {p.written(e.Until)}, "title": {e.Title}, "text": {e.Text}, "link": {e.Link}, "scope": {e.Scope},
	})}
	return []block{b, edit}, nil
}

// eventForm returns the form that writes an event.
func eventForm(p *Pages) func(in url.Values) form {
	return func(in url.Values) form {
		return form{Action: pathDo + "event.write", Button: "Write", Fields: []field{
			{Name: "title", Label: "Title", Value: in.Get("title"), Most: 256, Needed: true},
			{Name: "at", Label: "When", Value: in.Get("at"), Most: 16, Needed: true, Help: "2026-03-31 18:00, " + p.Settings().Zone().String()},
			{Name: "until", Label: "Until", Value: in.Get("until"), Most: 16, Help: "empty: it took a moment"},
			{Kind: "area", Name: "text", Label: "Text", Value: in.Get("text"), Most: 4096}, {Name: "link", Label: "Link", Value: in.Get("link"), Most: 1024, Help: "https://…"},
			{Name: "scope", Label: "What it is about", Value: cmp.Or(in.Get("scope"), ledger.ScopeAll), Most: 300, Help: "all, item:REF, source:NAME or kind:KIND"},
			{Name: "ref", Label: "Ref", Value: in.Get("ref"), Most: 512, Needed: true, Help: "an event with the same ref is replaced"},
		}}
	}
}

// written returns a time as forms have it.
func (p *Pages) written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(p.Settings().Zone()).Format(timeForm)
}

// when reads a time of a form.
func (p *Pages) when(in url.Values, name string) (time.Time, error) {
	v := in.Get(name)
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(timeForm, v, p.Settings().Zone())
	if err != nil {
		return t, fieldMistake{"Write times as 2026-03-31 18:00.", name}
	}
	return t, nil
}

func (p *Pages) eventActions() []*action {
	return []*action{
		{"event.write", "Write an event", pathEvents, []string{"ref", "at", "until", "title", "text", "link", "scope"}, func(ctx context.Context, in url.Values) (plan, error) {
			ref, err := needed(in, "ref", "by which ref it is known")
			if err != nil {
				return plan{}, err
			}
			title, err := needed(in, "title", "what it is called")
			if err != nil {
				return plan{}, err
			}
			if _, err := needed(in, "at", "when it was"); err != nil {
				return plan{}, err
			}
			at, err := p.when(in, "at")
			if err != nil {
				return plan{}, err
			}
			until, err := p.when(in, "until")
			if err != nil {
				return plan{}, err
			}
			before, known, err := p.Record.EventOf(ctx, ref)
			if err != nil {
				return plan{}, err
			}
			e := ledger.Event{Ref: ref, At: at, Until: until, Title: title, Text: in.Get("text"), Link: in.Get("link"), Scope: cmp.Or(in.Get("scope"), ledger.ScopeAll)}
			if err := p.wrong(ctx, ledger.Batch{Events: []ledger.Event{e}}); err != nil {
				return plan{}, err
			}
			says, detail := "Adds the event ", title
			if known {
				says, detail = "Replaces the event "+quote(before.Title)+" by ", fmt.Sprintf("%q; before: %q", title, before.Title)
			}
			return plan{target: "event " + ref, detail: detail, button: "Write", says: []string{says + quote(title) + " (" + ref + "), " + p.written(at) + ", of " + e.Scope + "."},
				within: p.writing(ledger.Batch{Events: []ledger.Event{e}})}, nil
		}},
		{"event.remove", "Remove an event", pathEvents, []string{"ref"}, func(ctx context.Context, in url.Values) (plan, error) {
			e, known, err := p.Record.EventOf(ctx, in.Get("ref"))
			if err != nil {
				return plan{}, err
			}
			if !known {
				return plan{}, mistake("There is no such event.")
			}
			return plan{target: "event " + e.Ref, detail: e.Title, button: "Remove", danger: true, says: []string{"Removes the event " + quote(e.Title) + " (" + e.Ref + ")."},
				within: p.writing(ledger.Batch{Events: []ledger.Event{{Ref: e.Ref}}})}, nil
		}},
	}
}
