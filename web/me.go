package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
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
	return s.drawMe(w, r, views.Me{Subject: signin.Who(r.Context()).Subject})
}

// changeMe does what a form of that page says.
func (s *server) changeMe(w http.ResponseWriter, r *http.Request) error {
	who := signin.Who(r.Context())
	if err := readPosted(w, r); err != nil {
		return fmt.Errorf("my page: %w", err)
	}
	account := strings.TrimSpace(r.PostForm.Get("account"))
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	back := &movedError{code: http.StatusSeeOther, address: views.MePath + "#claims"}
	switch r.PostForm.Get("do") {
	case "ask":
		if account == "" {
			return s.drawMe(w, r, views.Me{Subject: who.Subject, Wrong: "Write what your account is called, or its ref."})
		}
		found, err := s.findAccounts(ctx, account)
		switch {
		case err != nil && !errors.Is(err, errNotFound):
			return err
		case len(found) == 0:
			return s.drawMe(w, r, views.Me{Subject: who.Subject, Asked: account, Wrong: "No account of this name is known here."})
		case len(found) > 1:
			m := views.Me{Subject: who.Subject, Asked: account}
			for _, f := range found {
				m.Choices = append(m.Choices, views.Choice{Name: f.name, Note: f.note, Path: f.Ref})
			}
			return s.drawMe(w, r, m)
		}
		err = s.Claims.Ask(ctx, who.Subject, found[0].Ref)
		if errors.Is(err, claims.ErrTooMany) {
			return errTooManyClaims
		}
		if err != nil {
			return err
		}
		return back
	case "prove":
		return s.prove(ctx, w, r, who.Subject, account)
	case "drop":
		if _, err := s.Claims.Drop(ctx, who.Subject, account); err != nil {
			return err
		}
		return back
	}
	return s.changeAlerts(ctx, w, r, who)
}

// prove looks for the payment that proves a claim. It takes a place of the lists.
func (s *server) prove(ctx context.Context, w http.ResponseWriter, r *http.Request, subject, account string) error {
	all, err := s.Claims.Of(ctx, subject)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Account != account || c.Proven != nil {
			continue
		}
		free, err := s.lists.take(ctx, client(r))
		if err != nil {
			return err
		}
		defer free()
		paid, err := s.Record.PaidWith(ctx, account, c.Code, c.Asked.Add(-claims.Lasts))
		if err != nil {
			return err
		}
		if !paid {
			return s.drawMe(w, r, views.Me{Subject: subject, Unpaid: account, Note: "No payment of " + account + " with this code in its message is known here yet. What is paid now may take a minute to arrive."})
		}
		if err := s.Claims.Prove(ctx, c); err != nil {
			return err
		}
	}
	return &movedError{code: http.StatusSeeOther, address: views.MePath}
}

// drawMe draws the page with what is known of the person now. Nobody keeps it.
func (s *server) drawMe(w http.ResponseWriter, r *http.Request, m views.Me) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	m.Admin = s.Admin != nil && !s.OperatorsApart && signin.Who(ctx).Role >= signin.Admin
	var err error
	if m.Claims, err = s.Claims.Of(ctx, m.Subject); err != nil {
		return err
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
			return err
		default:
			refs = append(refs, c.Account)
		}
	}
	if len(refs) > 0 {
		before, err := s.Claims.Visit(ctx, m.Subject)
		if err != nil {
			return err
		}
		m.Accounts = s.heldBy(ctx, refs)
		m.Keeper = s.keptBy(ctx, client(r), refs, before)
	}
	if s.OwnAlerts != nil {
		if m.Alerts, err = s.myAlerts(ctx, m); err != nil {
			return err
		}
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
