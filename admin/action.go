package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"

	"exchequer/admin/audit"
	"exchequer/views"
)

// An action is something that an admin can do. It is asked for by a form or a link, which
// answers with what would happen; the form of that answer does it.
type action struct {
	name    string // in its address and in the audit log
	title   string
	section string // the address of its page
	fields  []string
	plan    func(ctx context.Context, in url.Values) (plan, error)
}

// A plan is what an action does with what was asked for.
type plan struct {
	target string // on what, for the audit log
	detail string
	says   []string // what will happen
	button string
	danger bool
	// missing is what keeps it from being done here, with the command that does it.
	missing string

	// One of these does it. Within does all of it in a database transaction, in which it
	// calls note before it commits. Beside returns what is to be said of what it did.
	// Start starts a job.
	within func(ctx context.Context, note noting) error
	beside func(ctx context.Context) (detail string, err error)
	start  *Job
	// secret, if within has set it, is shown in the answer, once.
	secret *string
}

// A noting writes the entry of the audit log in a transaction.
type noting func(ctx context.Context, tx pgx.Tx) error

// Limits on what an action may take, and on noting after it what became of it: together
// less than an answer may take.
const (
	besideLasts = 20 * time.Second
	noteLasts   = 3 * time.Second
)

// mostField is how long a field may be, in bytes.
const mostField = 5000

// read returns what a form has for an action, each bounded.
func (a *action) read(values url.Values) (url.Values, error) {
	in := url.Values{}
	for _, name := range a.fields {
		for _, v := range values[name][:min(len(values[name]), 16)] {
			v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n"))
			if len(v) > mostField || !utf8.ValidString(v) || strings.Contains(v, "\x00") {
				return nil, mistake(fmt.Sprintf("The field %s is longer than %d characters, or not text.", name, mostField))
			}
			if v != "" {
				in.Add(name, v)
			}
		}
	}
	return in, nil
}

// do answers with what an action would do, or does it.
func (p *Pages) do(site Site, w http.ResponseWriter, r *http.Request) error {
	a := p.actions[chi.URLParam(r, "action")]
	if a == nil {
		return ErrUnknown
	}
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		values = r.PostForm
	}
	info := infoOf(pathDo+a.name, a.title, p.toward(a.section))
	in, err := a.read(values)
	if err == nil {
		err = p.tooLong(a, in)
	}
	var pl plan
	if err == nil {
		ctx, cancel := context.WithTimeout(r.Context(), pageLasts)
		defer cancel()
		pl, err = a.plan(ctx, in)
	}
	if wrong := mistake(""); errors.As(err, &wrong) {
		return p.page(site, w, r, info, http.StatusUnprocessableEntity, func(context.Context, url.Values) ([]block, error) {
			return []block{p.refused(a, in, err, wrong)}, nil
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	if r.Method != http.MethodPost || values.Get("confirm") != "yes" || pl.missing != "" {
		return p.page(site, w, r, info, http.StatusOK, func(context.Context, url.Values) ([]block, error) {
			return []block{a.confirm(in, pl)}, nil
		})
	}
	e := site.by(r)
	e.Action, e.Target, e.Detail = a.name, pl.target, pl.detail
	id, err := p.perform(r.Context(), e, pl)
	if err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	if pl.secret != nil && *pl.secret != "" {
		return p.page(site, w, r, info, http.StatusOK, func(context.Context, url.Values) ([]block, error) {
			return []block{{ID: "secret", Title: "Keep this: it is not shown again", Text: []text{code(*pl.secret)},
				More: []text{link("What was logged", pathAudit+"/"+strconv.FormatInt(id, 10)), link("Back", a.section)}}}, nil
		})
	}
	forAdmins(w.Header())
	w.Header().Set("Location", site.Shell(r.Context()).Root.Of(pathAudit+"/"+strconv.FormatInt(id, 10)))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// refused is what is wrong with what was asked for, with the form as it was filled in. What
// is wrong with one field is said beside it.
func (p *Pages) refused(a *action, in url.Values, err error, wrong mistake) block {
	b := notPossible(wrong)
	b.More = []text{link("Back", a.section)}
	if p.forms[a.name] == nil || in == nil {
		return b
	}
	f := p.forms[a.name](in)
	if of := (fieldMistake{}); errors.As(err, &of) {
		if i := slices.IndexFunc(f.Fields, func(d field) bool { return d.Name == of.field && d.Kind != "hidden" }); i >= 0 {
			f.Fields[i].Wrong, b.Text = wrong.Error(), nil
		}
	}
	b.Forms = []form{f}
	return b
}

func notPossible(wrong mistake) block {
	return block{ID: "wrong", Title: "Not possible", Text: []text{state("bad", wrong.Error())}}
}

// tooLong returns a mistake if more was written into a field than its form lets one write.
func (p *Pages) tooLong(a *action, in url.Values) error {
	if p.forms[a.name] == nil {
		return nil
	}
	for _, d := range p.forms[a.name](in).Fields {
		if n := utf8.RuneCountInString(in.Get(d.Name)); d.Most > 0 && n > d.Most {
			return fieldMistake{mistake(fmt.Sprintf("Write at most %s: this has %s.", views.Plural(int64(d.Most), "character", "characters"), views.Count(int64(n)))), d.Name}
		}
	}
	return nil
}

// confirm describes what will happen, with the form that does it.
func (a *action) confirm(in url.Values, pl plan) block {
	b := block{ID: "confirm", Title: "What will happen", Text: said(pl.says...)}
	if pl.missing != "" {
		b.Text = append(b.Text, state("watch", pl.missing))
	} else {
		f := form{Action: pathDo + a.name, Button: pl.button, Danger: pl.danger, Fields: []field{{Kind: "hidden", Name: "confirm", Value: "yes"}}}
		for _, name := range a.fields {
			for _, v := range in[name] {
				f.Fields = append(f.Fields, field{Kind: "hidden", Name: name, Value: v})
			}
		}
		b.Forms = []form{f}
	}
	b.More = []text{link("Leave it as it is", a.section)}
	return b
}

// perform does what a plan says, and notes it. It returns the id of the entry. The error is
// that nothing could be noted; then nothing was done, or what was done in a transaction was
// undone with it. An admin who leaves does not end what has begun.
func (p *Pages) perform(ctx context.Context, e audit.Entry, pl plan) (int64, error) {
	begun := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(begun, besideLasts)
	defer cancel()
	if pl.within != nil {
		var id int64
		e.Result = audit.Done
		failed := pl.within(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			id, err = audit.Write(ctx, tx, e)
			return err
		})
		if failed == nil {
			p.log(ctx, e)
			return id, nil
		}
		if pl.secret != nil {
			*pl.secret = ""
		}
		e.Result, e.Detail = audit.Failed, joined(e.Detail, reason(failed))
		p.log(ctx, e)
		ending, stop := context.WithTimeout(begun, noteLasts)
		defer stop()
		return audit.Write(ending, p.DB, e)
	}
	if pl.start != nil {
		return p.begin(ctx, *pl.start, e)
	}
	e.Result = audit.Begun
	id, err := audit.Write(ctx, p.DB, e)
	if err != nil {
		return 0, err
	}
	e.Result = audit.Done
	if e.Detail, err = pl.beside(ctx); err != nil {
		e.Result, e.Detail = audit.Failed, joined(e.Detail, reason(err))
	}
	p.log(ctx, e)
	ending, stop := context.WithTimeout(begun, noteLasts)
	defer stop()
	return id, audit.End(ending, p.DB, id, e)
}

// log writes a line about an action, as there is one for each of operators.
func (p *Pages) log(ctx context.Context, e audit.Entry) {
	p.Log.InfoContext(ctx, "admin", "subject", e.Subject, "client", e.Address, "action", e.Action, "target", e.Target, "result", e.Result)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// within returns what calls f in a transaction of a database, with the entry.
func within(db beginner, f func(context.Context, pgx.Tx) error) func(context.Context, noting) error {
	return func(ctx context.Context, note noting) error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if err := f(ctx, tx); err != nil {
				return err
			}
			return note(ctx, tx)
		})
	}
}

type beginner interface {
	Begin(context.Context) (pgx.Tx, error)
}

// needed returns the value of a field, and a mistake if it is empty.
func needed(in url.Values, name, what string) (string, error) {
	if v := in.Get(name); v != "" {
		return v, nil
	}
	return "", fieldMistake{mistake("Say " + what + "."), name}
}

// errGone is for what went between the description of an action and its form.
var errGone = errors.New("it is not there any more")

// unlessGone returns errGone for what was not there to be changed.
func unlessGone(was bool, err error) error {
	if err == nil && !was {
		return errGone
	}
	return err
}
