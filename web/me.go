package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/aggregates"
	"exchequer/claims"
	"exchequer/signin"
	"exchequer/views"
)

var meInfo = views.PageInfo{
	Path: views.MePath, Name: "My page", Heading: "My page",
	Description: "What is yours in {economy}.",
}

// errTooManyClaims means that somebody may claim no more accounts.
var errTooManyClaims = &refusal{http.StatusBadRequest, fmt.Sprintf("At most %d accounts can be claimed. Give one up first.", claims.Most)}

// me serves the page of who has signed in.
func (s *server) me(w http.ResponseWriter, r *http.Request) error {
	return s.drawMe(w, r, func(ctx context.Context) (views.Me, error) {
		return views.Me{Subject: signin.Who(ctx).Subject}, nil
	})
}

// changeMe does what a form of that page says.
func (s *server) changeMe(w http.ResponseWriter, r *http.Request) error {
	if err := readPosted(w, r); err != nil {
		return fmt.Errorf("my page: %w", err)
	}
	return s.drawMe(w, r, func(ctx context.Context) (views.Me, error) {
		return s.doForMe(ctx, client(r), r.PostForm)
	})
}

// minePlaces is for how many people at once their pages are read and changed. Nothing of
// these is remembered, so each costs the database some ten statements.
const minePlaces = 3

// doForMe does what a form says, and returns what the page shows of it. The error is a
// *movedError if it shows nothing of it.
func (s *server) doForMe(ctx context.Context, client string, form url.Values) (m views.Me, err error) {
	who, account := signin.Who(ctx), strings.TrimSpace(form.Get("account"))
	back := &movedError{code: http.StatusSeeOther, address: views.MePath + "#claims"}
	m.Subject = who.Subject
	switch form.Get("do") {
	case "ask":
		if account == "" {
			m.Wrong = "Write what your account is called, or its ref."
			return m, nil
		}
		found, err := s.findAccounts(ctx, account)
		switch {
		case err != nil && !errors.Is(err, errNotFound):
			return m, err
		case len(found) == 0:
			m.Asked, m.Wrong = account, "No account of this name is known here."
			return m, nil
		case len(found) > 1:
			m.Asked = account
			for _, f := range found {
				m.Choices = append(m.Choices, views.Choice{Name: f.name, Note: f.note, Path: f.Ref})
			}
			return m, nil
		}
		err = s.Claims.Ask(ctx, who.Subject, found[0].Ref)
		if errors.Is(err, claims.ErrTooMany) {
			return m, errTooManyClaims
		}
		if err != nil {
			return m, err
		}
		return m, back
	case "prove":
		m.Note, err = s.prove(ctx, client, who.Subject, account)
		if err == nil && m.Note == "" {
			err = &movedError{code: http.StatusSeeOther, address: views.MePath}
		}
		m.Unpaid = account
		return m, err
	case "drop":
		if _, err := s.Claims.Drop(ctx, who.Subject, account); err != nil {
			return m, err
		}
		return m, back
	}
	m.Alerts, err = s.changeAlerts(ctx, form, who)
	return m, err
}

// prove looks for the payment that proves a claim, and returns what is missing. It takes a
// place of the lists.
func (s *server) prove(ctx context.Context, client, subject, account string) (missing string, err error) {
	all, err := s.Claims.Of(ctx, subject)
	if err != nil {
		return "", err
	}
	for _, c := range all {
		if c.Account != account || c.Proven != nil {
			continue
		}
		free, err := s.lists.take(ctx, client)
		if err != nil {
			return "", err
		}
		defer free()
		paid, err := s.Record.PaidWith(ctx, account, c.Code, c.Asked.Add(-claims.Lasts))
		if err != nil {
			return "", err
		}
		if !paid {
			return "No payment of " + account + " with this code in its message is known here yet. What is paid now may take a minute to arrive.", nil
		}
		if err := s.Claims.Prove(ctx, c); err != nil {
			return "", err
		}
	}
	return "", nil
}

// drawMe draws the page with what begin returns, and what is known of the person then.
// Nobody keeps it.
func (s *server) drawMe(w http.ResponseWriter, r *http.Request, begin func(context.Context) (views.Me, error)) error {
	m, err := s.readMe(r, begin)
	if err != nil {
		return err
	}
	view := views.Page{Site: s.site(), Info: meInfo}
	view.Menu, view.Sheet = s.edition(r.Context()).menu, view.Assets.Admin
	var b bytes.Buffer
	if err := views.MePage(view, m).Render(context.WithoutCancel(r.Context()), &b); err != nil {
		return fmt.Errorf("my page: %w", err)
	}
	drawn := newRendering(pageHeader(view), b.Bytes(), time.Time{})
	if m.Refused() {
		drawn.status = http.StatusUnprocessableEntity
	}
	return s.respondUncached(w, r, drawn, true)
}

// readMe calls begin and adds what is known of the person. It has a place meanwhile, which
// is held neither while a form arrives nor while the page is sent.
func (s *server) readMe(r *http.Request, begin func(context.Context) (views.Me, error)) (m views.Me, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	free, err := s.mine.take(ctx, client(r))
	if err != nil {
		return m, err
	}
	defer free()
	if m, err = begin(ctx); err != nil {
		return m, err
	}
	m.Admin = s.Admin != nil && !s.OperatorsApart && signin.Who(ctx).Role >= signin.Admin
	if m.Claims, err = s.Claims.Of(ctx, m.Subject); err != nil {
		return m, err
	}
	var refs []string
	for _, c := range m.Claims {
		if c.Proven == nil {
			continue
		}
		// One whose holder is hidden meanwhile is shown to nobody.
		switch err := checkExists(ctx, s.API.Accounts, c.Account, unknownAccount); {
		case errors.Is(err, errNotFound):
		case err != nil:
			return m, err
		default:
			refs = append(refs, c.Account)
		}
	}
	if len(refs) > 0 {
		before, err := s.Claims.Visit(ctx, m.Subject)
		if err != nil {
			return m, err
		}
		m.Accounts = s.heldBy(ctx, refs)
		m.Keeper = s.keptBy(ctx, client(r), refs, before)
	}
	if s.OwnAlerts != nil {
		m.Alerts, err = s.myAlerts(ctx, m)
	}
	return m, err
}

// heldBy returns accounts with what they hold, nil if that cannot be read now.
func (s *server) heldBy(ctx context.Context, refs []string) *aggregates.WatchedAccounts {
	var accounts []*aggregates.Account
	for _, ref := range refs {
		res, err := s.API.Account.Get(ctx, aggregates.AccountQuery{Account: ref, Days: aggregates.WatchMonth})
		if err != nil {
			return nil
		}
		accounts = append(accounts, res.Value)
	}
	var ladders []*aggregates.Ladder
	for _, population := range aggregates.Populations() {
		res, err := s.Economy.Ladder.Get(ctx, population)
		if err != nil {
			return nil
		}
		ladders = append(ladders, res.Value)
	}
	return aggregates.WatchAccounts(refs, accounts, ladders)
}

// keptBy returns what is known of the shops of accounts, nil if that cannot be read now.
func (s *server) keptBy(ctx context.Context, client string, refs []string, since time.Time) *aggregates.Keeper {
	waiting, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	free, err := s.lists.take(waiting, client)
	if err != nil {
		return nil
	}
	defer free()
	reading, cancel := context.WithTimeout(ctx, listRead)
	defer cancel()
	k, err := s.API.Trade.Keeper(reading, refs, since)
	if err != nil {
		s.Log.WarnContext(ctx, "shops of a reader cannot be read", "error", err)
		return nil
	}
	return k
}
