package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/views"
)

// errMedia means that a body is of another type than the address reads.
var errMedia = errors.New("not a form")

// standPanel declares the panel in which a visitor finds the place of a balance.
func (s *server) standPanel() panel {
	return show(readMemo(s.Economy.Ladder, byPopulation, views.PopulationParam), views.PanelInfo{
		Name: "stand", Title: "Where do I stand?", Width: views.Whole, Shows: views.ShowsSums,
		How: views.How{
			Meaning: "How rich one is with an amount, and what the next tenth of the holders takes.",
			Formula: "Richer than: holders with less / all holders. Rank: holders with more, plus one. With more than 1,000 holders, both are right to a thousandth of them.",
			Counted: "Holders, all their accounts of this group summed; balances of zero and debts included.",
			LeftOut: "Issuers and archived accounts, and holders whose accounts were never used.",
		},
	}, views.Stand, (*aggregates.Ladder).Table)
}

// standAnswer answers with the place of the balance in a form. The balance is in
// the body of the request, so that it is in no address, log or key of a cache, and
// the answer is kept by nobody.
func (s *server) standAnswer(w http.ResponseWriter, r *http.Request) error {
	if err := readPosted(w, r); err != nil {
		return fmt.Errorf("where do I stand: %w", err)
	}
	panel, _ := s.standPanel().seenUpTo(s.sees(r.Context()))
	p := s.edition(r.Context()).pages[0]
	population := aggregates.ParsePopulation(r.PostForm.Get("population"))
	params := views.Params{}.With(panel.Params, views.PopulationParam, population.Key())
	one := []source{panel.from.open(params)}
	if err := s.gather(r, one); err != nil {
		return err
	}
	if err := one[0].failure(); err != nil {
		return err
	}
	view := s.viewOf(p, params, &panel.PanelInfo)
	result := one[0].result()
	ladder := result.value.(*aggregates.Ladder)
	var b bytes.Buffer
	err := safely(func() error {
		d := views.Draw(view, panel.PanelInfo, result.Status, ladder.About(), func() views.Content {
			return views.StandAnswer(view, ladder, r.PostForm.Get("balance"))
		})
		return views.Frame(view, false, views.Panel(d), templ.NopComponent).Render(context.WithoutCancel(r.Context()), &b)
	})
	if err != nil {
		// What was thrown, and the arguments in the stack, may hold the balance.
		return fmt.Errorf("where do I stand: %w", errUndrawn)
	}
	return s.respondUncached(w, r, newRendering(http.Header{"Content-Type": textHTML}, b.Bytes(), view.Clock.Next), true)
}
