package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"exchequer/aggregates"
	"exchequer/views"
)

// dayKept is how long others may keep a file of a day that is over. What is written of
// an earlier day changes it, and a holder who hides is no longer named in it.
const dayKept = 10 * time.Minute

// asOf returns the day that is over as of which the parameters ask; none: now.
func asOf(p views.Params) aggregates.Date { return aggregates.Date(p.Get(views.AtParam)) }

// knowsPast makes the page one that can be asked for as of a day that is over. Of such
// a day it has those panels that know it.
func (s *server) knowsPast(p *page) *page {
	p.Dated = true
	p.days = aside{readMemo(s.API.Past.Days, once)}
	p.readings = append(p.readings, p.days)
	p.nearest = func(ctx context.Context, params views.Params) (views.Params, error) {
		if asOf(params) == "" {
			return params, nil
		}
		res, err := s.API.Past.Days.Get(ctx, aggregates.NoParams{})
		if err != nil {
			return params, err
		}
		return params.With(p.Params, views.AtParam, string(res.Value.Nearest(asOf(params)))), nil
	}
	return p
}

// asOfADay returns the page with the panels that know days that are over, and the page
// itself if it knows none.
func (p *page) asOfADay() *page {
	if p.days == nil {
		return p
	}
	past := p.of(slices.DeleteFunc(slices.Clone(p.panels), func(panel panel) bool { return !slices.Contains(panel.Params, views.AtParam) }))
	if !slices.ContainsFunc(past.panels, func(panel panel) bool { return slices.Contains(panel.Params, views.DaysParam) }) {
		past.Params = slices.DeleteFunc(slices.Clone(past.Params), func(d *views.Param) bool { return d == views.DaysParam })
	}
	return past
}

// daysKnown returns the days of the ledger, nil if they are not known, or the page does
// not depend on them.
func (p *page) daysKnown(sources []source) *aggregates.DaysKnown {
	if i := slices.Index(p.readings, p.days); p.days != nil && i >= 0 && i < len(sources) {
		known, _ := sources[i].result().value.(*aggregates.DaysKnown)
		return known
	}
	return nil
}

// refuseDay returns a *refusal if a file is asked for as of a day that the ledger does
// not have. A page goes to the nearest day and says so.
func (p *page) refuseDay(r *http.Request, params views.Params) error {
	if given := r.URL.Query().Get(views.AtParam.Name); p.days != nil && given != "" && given != params.Get(views.AtParam) {
		return &refusal{http.StatusBadRequest, fmt.Sprintf("%q names no day of the ledger that is over, as 2026-08-31 does.", views.AtParam.Name)}
	}
	return nil
}

// keptFor returns the rendering as one that others may keep a while if it is of a day
// that is over.
func (s *server) keptFor(params views.Params, p *rendering) *rendering {
	if asOf(params) != "" {
		p.keep, p.due = true, s.Now().Add(dayKept)
	}
	return p
}
