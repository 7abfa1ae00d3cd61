package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/signin"
	"exchequer/views"
)

// Everybody returns how much of the ledger visitors see.
func (p Privacy) Everybody() views.Level { return p.sees(signin.Visitor) }

// refuseThing is why a form about alerts was not done: what was written as the thing.
func refuseThing(format string, args ...any) error {
	return &alerts.RefusedError{Text: fmt.Sprintf(format, args...), Field: "thing"}
}

// changeAlerts does what a form about alerts says. What is refused is shown beside the
// form, with what was typed. The error is a *movedError if there is nothing to show.
func (s *server) changeAlerts(ctx context.Context, form url.Values, who signin.Identity) (drawn *views.MyAlerts, err error) {
	if s.OwnAlerts == nil {
		return nil, errForm
	}
	drawn, back := &views.MyAlerts{About: "receiver"}, "#receivers"
	name := form.Get("name")
	switch form.Get("do") {
	case "rule":
		drawn.About, back = "rule", "#alerts"
		drawn.Typed = views.TypedRule{Kind: form.Get("kind"), Of: strings.TrimSpace(form.Get("thing")), Value: form.Get("value"), To: form["to"]}
		err = s.addRule(ctx, who, drawn.Typed)
	case "unrule":
		drawn.About, back = "rule", "#alerts"
		err = s.OwnAlerts.RemoveRule(ctx, who.Subject, name)
	case "receiver":
		drawn.Receiver = views.TypedReceiver{Kind: form.Get("kind"), Address: form.Get("address")}
		_, drawn.Secret, err = s.OwnAlerts.AddReceiver(ctx, who.Subject, alerts.Form(drawn.Receiver.Kind), drawn.Receiver.Address)
		if err == nil {
			drawn.Receiver = views.TypedReceiver{}
		}
	case "unreceiver":
		err = s.OwnAlerts.RemoveReceiver(ctx, who.Subject, name)
	case "test":
		err = s.OwnAlerts.Test(ctx, who.Subject, name)
	case "on":
		err = s.OwnAlerts.TurnOn(ctx, who.Subject, name)
	case "feed":
		var token string
		if token, err = s.OwnAlerts.NewFeed(ctx, who.Subject, s.sees(ctx)); err == nil {
			drawn.Address = s.whole(views.MyFeed + token + ".atom")
		}
	default:
		return nil, errForm
	}
	if refused := (*alerts.RefusedError)(nil); errors.As(err, &refused) {
		drawn.Note, drawn.Field, err = refused.Text, refused.Field, nil
	} else if err == nil && drawn.Secret == "" && drawn.Address == "" {
		err = &movedError{code: http.StatusSeeOther, address: views.MePath + back}
	}
	return drawn, err
}

// addRule makes a rule of what somebody typed.
func (s *server) addRule(ctx context.Context, who signin.Identity, typed views.TypedRule) error {
	rule := alerts.Rule{Owner: who.Subject, Kind: alerts.Kind(typed.Kind), Value: typed.Value, To: typed.To}
	sees := s.sees(ctx)
	var err error
	if rule.Of, err = s.thing(ctx, rule, typed.Of, sees); err != nil {
		return err
	}
	return s.OwnAlerts.AddRule(ctx, rule, sees)
}

// thing returns the ref of what a rule is about, by what its owner calls it. Of what
// they may not see, nothing is looked up.
func (s *server) thing(ctx context.Context, rule alerts.Rule, name string, sees views.Level) (string, error) {
	thing, _ := rule.Thing()
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) || len(name) > 512 {
		return "", refuseThing("Nothing is called so.")
	}
	switch {
	case name == "":
		return "", nil // the rule says whether it needs one
	case thing == alerts.Account:
		return s.ownAccount(ctx, rule.Owner, name)
	case thing == alerts.Shop:
		shops, err := s.OwnAlerts.Shops(ctx, rule.Owner)
		if err != nil {
			return "", err
		}
		var called []string
		for _, shop := range shops {
			if shop.Shop == name {
				return name, nil
			}
			if strings.EqualFold(shop.Place, name) {
				called = append(called, shop.Shop)
			}
		}
		return oneCalled(called, "None of your shops is called so. They are those of the accounts that are proven to be yours.")
	case sees < views.ShowsSums:
		return "", refuseThing("This is shown to viewers only.")
	case thing == alerts.Item:
		found, err := s.findItems(ctx, aggregates.SeriesPrice, name)
		if err != nil {
			return "", err
		}
		var called []string
		for _, f := range found {
			called = append(called, f.Ref)
		}
		return oneCalled(called, "No item is called so.")
	}
	if i := slices.IndexFunc(aggregates.SignNames(), func(sign string) bool { return strings.EqualFold(sign, name) }); i >= 0 {
		return aggregates.SignNames()[i], nil
	}
	return "", refuseThing("There are these indicators: %s. Without a name, all are watched.", strings.Join(aggregates.SignNames(), ", "))
}

// oneCalled returns the one ref there is.
func oneCalled(refs []string, none string) (string, error) {
	switch len(refs) {
	case 0:
		return "", refuseThing("%s", none)
	case 1:
		return refs[0], nil
	}
	return "", refuseThing("Several are called so. Write which one: %s.", strings.Join(refs, ", "))
}

// ownAccount returns the ref of an account of somebody. Whether there are others of the
// name is nothing that it tells.
func (s *server) ownAccount(ctx context.Context, subject, name string) (string, error) {
	claimed, err := s.Claims.Of(ctx, subject)
	if err != nil {
		return "", err
	}
	own := map[string]bool{}
	for _, c := range claimed {
		own[c.Account] = c.Proven != nil
	}
	if own[name] {
		return name, nil
	}
	found, err := s.findAccounts(ctx, name)
	if err != nil && !errors.Is(err, errNotFound) {
		return "", err
	}
	var called []string
	for _, f := range found {
		if own[f.Ref] {
			called = append(called, f.Ref)
		}
	}
	return oneCalled(called, "None of the accounts that are proven to be yours is called so.")
}

// myAlerts returns the alerts of somebody, with what was typed last.
func (s *server) myAlerts(ctx context.Context, m views.Me) (*views.MyAlerts, error) {
	if err := s.OwnAlerts.Seen(ctx, m.Subject, s.sees(ctx)); err != nil {
		return nil, err
	}
	all, err := s.OwnAlerts.Read(ctx, m.Subject)
	if err != nil {
		return nil, err
	}
	if last := m.Alerts; last != nil {
		all.Typed, all.Receiver, all.Note, all.Field, all.About, all.Secret, all.Address = last.Typed, last.Receiver, last.Note, last.Field, last.About, last.Secret, last.Address
	}
	all.MostRules, all.MostHooks, all.MostADay = alerts.MostRules, alerts.MostReceivers, alerts.MostADay
	for _, c := range m.Claims {
		if c.Proven != nil {
			all.Things = append(all.Things, views.Choice{Name: "account", Path: c.Account})
		}
	}
	shops, err := s.OwnAlerts.Shops(ctx, m.Subject)
	if err != nil {
		return nil, err
	}
	for _, shop := range shops {
		all.Things = append(all.Things, views.Choice{Name: "shop, " + shop.Place, Path: shop.Shop})
	}
	for _, sign := range aggregates.SignNames() {
		all.Things = append(all.Things, views.Choice{Name: "indicator", Path: sign})
	}
	return &all, nil
}

// myFeed serves the feed of whose address has a token. One that is not known takes a
// place of the look-ups, as one that is known does.
func (s *server) myFeed(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("X-Robots-Tag", "noindex")
	w.Header()["Cache-Control"] = noStore
	if s.OwnAlerts == nil || s.Claims == nil {
		return errNotFound
	}
	token := chi.URLParam(r, "token")
	if decoded, err := url.PathUnescape(token); err == nil {
		token = decoded
	}
	var sent []alerts.SentAlert
	err := check(r.Context(), errNotFound, func(ctx context.Context) (is bool, err error) {
		err = s.API.Accounts.LookUp(ctx, func(ctx context.Context) (err error) {
			sent, is, err = s.OwnAlerts.Feed(ctx, token, s.Privacy.Everybody())
			return err
		})
		return is, err
	})
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte("feed " + token)) // neither the token nor what is kept of it
	f := feed{id: s.tag(fmt.Sprintf("me/alerts/%x", id[:8])), title: "My alerts · " + s.site().Author(), subtitle: "Alerts of your own rules.", page: views.MePath, updated: s.Now()}
	for n, a := range sent {
		if n == 0 {
			f.updated = a.At
		}
		f.entries = append(f.entries, feedEntry{id: s.tag("alerts/" + a.ID), title: a.Title, text: a.Text, page: a.Path, at: a.At})
	}
	header, b, err := s.atom(f, views.MyFeed+token+".atom")
	if err != nil {
		return err
	}
	return s.respondUncached(w, r, newRendering(header, b, time.Time{}), true)
}
