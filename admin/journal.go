package admin

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/admin/audit"
	"exchequer/internal/csvtext"
	"exchequer/views"
)

// entries returns entries of the audit log, newest first, as the parameters select them.
func (p *Pages) entries(ctx context.Context, q url.Values, n int) ([]audit.Entry, error) {
	before, _ := strconv.ParseInt(pick(q, "before", 20), 10, 64)
	return audit.List(ctx, p.DB, audit.Filter{Subject: pick(q, "who", 200), Action: pick(q, "action", 200), Before: before}, n)
}

func result(is audit.Result) text {
	switch is {
	case audit.Done:
		return state("good", string(is))
	case audit.Failed, audit.Refused:
		return state("bad", string(is))
	}
	return state("watch", "begun")
}

// journal is the page of the audit log.
func (p *Pages) journal(ctx context.Context, q url.Values) ([]block, error) {
	list, err := p.entries(ctx, q, rowsShown+1)
	if err != nil {
		return nil, err
	}
	actions, err := audit.Actions(ctx, p.DB)
	if err != nil {
		return nil, err
	}
	who, did := pick(q, "who", 200), pick(q, "action", 200)
	options := []views.Option{{Value: "", Text: "all"}}
	for _, a := range actions {
		options = append(options, views.Option{Value: a, Text: a})
	}
	filter := block{ID: "filter", Title: "Show only", Forms: []form{{Action: pathAudit, Get: true, Button: "Show", Fields: []field{
		{Name: "who", Label: "Who", Help: "their subject, such as local:admin", Value: who, Most: 200}, {Kind: "choice", Name: "action", Label: "Action", Value: did, Options: options},
	}}}}
	b := block{ID: "entries", Title: "What was done", Columns: []string{"When", "Who", "From", "Action", "On", "Result", "Detail"}, Empty: "There are no such entries."}
	for i, e := range list {
		if i == rowsShown {
			b.More = append(b.More, link("older", address(pathAudit, "who", who, "action", did, "before", strconv.FormatInt(list[i-1].ID, 10))))
			break
		}
		b.Rows = append(b.Rows, []text{
			{Text: views.Moment(e.At, p.Settings()), Href: fmt.Sprint(pathAudit, "/", e.ID)}, {Text: cmp.Or(e.Name, e.Subject), Href: address(pathAudit, "who", e.Subject)}, plain(e.Address),
			code(e.Action), plain(cutText(e.Target, 100)), result(e.Result), plain(cutText(e.Detail, 200)),
		})
	}
	b.More = append(b.More, link("All as CSV", address(pathAudit+".csv", "who", who, "action", did)))
	return []block{filter, b}, nil
}

// entry is the page of one entry: the result of an action.
func (p *Pages) entry(site Site, w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	if err != nil {
		return ErrUnknown
	}
	return p.page(site, w, r, infoOf(fmt.Sprint(pathAudit, "/", id), "What was done", p.toward(pathAudit)), http.StatusOK, func(ctx context.Context, _ url.Values) ([]block, error) {
		e, known, err := audit.Find(ctx, p.DB, id)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, ErrUnknown
		}
		b := block{ID: "entry", Title: e.Action, Text: []text{result(e.Result)}, Facts: []fact{
			{Name: "Action", Value: code(e.Action)},
			{Name: "On", Value: plain(cmp.Or(e.Target, "–"))}, {Name: "Detail", Value: plain(cmp.Or(e.Detail, "–"))}, {Name: "Who", Value: text{Text: cmp.Or(e.Name, e.Subject), Also: []text{code(e.Subject)}}},
			{Name: "As", Value: plain(e.Role)}, {Name: "From", Value: plain(cmp.Or(e.Address, "–"))}, {Name: "When", Value: p.at(&e.At, "")},
		}}
		if e.Result == audit.Begun {
			b.Text = append(b.Text, plain("It is still being done, or its process ended before it was done. Load the page again."))
		}
		if a := p.actions[e.Action]; a != nil {
			b.Title = a.title
			b.More = []text{link("Back", a.section)}
		}
		return []block{b}, nil
	})
}

// The CSV of the audit log is read in parts, so that it takes no memory and no connection
// while it is sent, and ends after so many rows.
const (
	csvPart  = 1000
	csvLasts = 25 * time.Second
	csvMost  = 100_000
)

// journalCSV answers with entries as CSV.
func (p *Pages) journalCSV(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), csvLasts)
	defer cancel()
	free, err := p.place(ctx)
	if err != nil {
		return err
	}
	defer free()
	q := r.URL.Query()
	part, err := p.entries(ctx, q, csvPart)
	if err != nil {
		return err
	}
	h := w.Header()
	forAdmins(h)
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="audit.csv"`)
	out := csv.NewWriter(w)
	_ = out.Write([]string{"id", "at", "subject", "name", "role", "address", "action", "target", "detail", "result"})
	for sent := 0; ; {
		for _, e := range part {
			_ = out.Write([]string{strconv.FormatInt(e.ID, 10), e.At.UTC().Format(time.RFC3339Nano), csvtext.Guard(e.Subject), csvtext.Guard(e.Name), csvtext.Guard(e.Role), csvtext.Guard(e.Address),
				csvtext.Guard(e.Action), csvtext.Guard(e.Target), csvtext.Guard(e.Detail), string(e.Result)})
		}
		out.Flush()
		if sent += len(part); len(part) < csvPart || out.Error() != nil {
			return out.Error()
		}
		last := part[len(part)-1].ID
		why := "There are more"
		if sent < csvMost {
			q.Set("before", strconv.FormatInt(last, 10))
			if part, err = p.entries(ctx, q, csvPart); err == nil {
				continue
			}
			p.Log.WarnContext(ctx, "the audit log could not be read to its end", "error", err)
			why = "The rest could not be read"
		}
		_ = out.Write([]string{"", "", "", "", "", "", "", "", fmt.Sprintf("%s: ask for those before id %d.", why, last), ""})
		out.Flush()
		return out.Error()
	}
}
