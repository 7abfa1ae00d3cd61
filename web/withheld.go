package web

import (
	"context"
	"slices"
	"time"

	"exchequer/views"
)

// otherwise returns the panel as one that shows another one, of the same name, to those
// who may not see it.
func (p panel) otherwise(other panel) panel {
	p.other = &other
	return p
}

// shows returns what the panel shows at least.
func (p panel) shows() views.Level {
	if p.other != nil {
		return min(p.Shows, p.other.Shows)
	}
	return p.Shows
}

// seenUpTo returns the panel as it is shown to those who may see so much, and whether it
// is. Sums of few holders are withheld from those who may not see dealings.
func (p panel) seenUpTo(sees views.Level) (panel, bool) {
	if p.Shows > sees && p.other != nil {
		p = *p.other
	}
	if p.Shows == views.ShowsSums && sees < views.ShowsDealings {
		p.from = summed{p.from}
	}
	return p, p.Shows <= sees
}

// shows returns what the page shows at least.
func (p *page) shows() views.Level {
	least := views.ShowsDealings
	if len(p.panels) == 0 && p.list == nil {
		return least
	}
	for _, panel := range p.panels {
		least = min(least, panel.shows())
	}
	if p.list != nil {
		least = min(least, p.list.Shows)
	}
	if least < views.ShowsSums && slices.ContainsFunc(p.panels, func(panel panel) bool { return panel.shows() == views.ShowsSums }) {
		return views.ShowsSums // which few holders are asked about
	}
	return least
}

// panelsShow returns what the page's panels show at least.
func (p *page) panelsShow() views.Level {
	return (&page{panels: p.panels}).shows()
}

// seenUpTo returns the page as it is shown to those who may see so much: without the
// panels and the list that they may not, which a last panel names.
func (p *page) seenUpTo(sees views.Level) *page {
	if sees == views.ShowsDealings || p.shows() > sees {
		return p
	}
	var panels []panel
	var withheld []string
	for _, panel := range p.panels {
		if shown, ok := panel.seenUpTo(sees); ok {
			panels = append(panels, shown)
		} else {
			withheld = append(withheld, panel.Title)
		}
	}
	list := p.list
	if list != nil && list.Shows > sees {
		list = nil
		withheld = append(withheld, p.list.Title)
	}
	if len(withheld) > 0 {
		panels = append(panels, forViewers(withheld))
	}
	part := p.of(panels)
	part.list = list
	if list == nil && p.list != nil { // nothing depends on what it depended on
		part.Params = slices.DeleteFunc(slices.Clone(p.Params), func(d *views.Param) bool {
			return slices.Contains(p.list.declared(), d) && !slices.ContainsFunc(panels, func(panel panel) bool { return slices.Contains(panel.Params, d) })
		})
	}
	return part
}

// forViewers returns the panel that names what a page has for viewers only.
func forViewers(titles []string) panel {
	info := views.PanelInfo{Name: "viewers", Title: "For viewers", Width: views.Whole, Shows: views.ShowsNames}
	return panel{
		PanelInfo: info,
		from:      withheld{errDealings.text},
		draw:      func(p views.Page, _ result) views.Drawing { return views.ForViewers(p, info, titles, errDealings.text) },
	}
}

// withheld is the reading of what is not shown. Its source asks no memo, so that nothing
// becomes a key.
type withheld struct{ why string }

func (w withheld) open(views.Params) source { return asideSource{withheldSource(w)} }

type withheldSource struct{ why string }

func (withheldSource) get(context.Context)   {}
func (withheldSource) peek()                 {}
func (withheldSource) settled() bool         { return true }
func (withheldSource) empty() bool           { return false }
func (withheldSource) failure() error        { return nil }
func (withheldSource) valued() bool          { return false }
func (withheldSource) version() uint64       { return 0 }
func (withheldSource) clock(*views.Clock)    {}
func (withheldSource) window() time.Duration { return 24 * time.Hour }
func (w withheldSource) result() result      { return result{Status: views.Status{Missing: w.why}} }

// summed is the reading of numbers of many holders, whose value is withheld if they are of
// few.
type summed struct{ of opener }

func (c summed) open(p views.Params) source { return summedSource{c.of.open(p)} }

type summedSource struct{ source }

func (c summedSource) few() bool {
	return c.source.failure() == nil && few(crowdOf(c.source.result().value))
}

func (c summedSource) failure() error {
	if c.few() {
		return errFew
	}
	return c.source.failure()
}

func (c summedSource) result() result {
	if c.few() {
		return result{Status: views.Status{Missing: errFew.text}}
	}
	return c.source.result()
}

// plain returns a reading without that around it.
func plain(of opener) opener {
	if c, ok := of.(summed); ok {
		return c.of
	}
	return of
}

// wholly reports whether those who may see so much may see the whole value of a panel:
// each panel of the page that is made of it.
func (p *page) wholly(of panel, sees views.Level) bool {
	return !slices.ContainsFunc(p.panels, func(other panel) bool {
		return other.from == plain(of.from) && other.Shows > sees
	}) && (p.list == nil || p.list.memo != plain(of.from) || p.list.Shows <= sees)
}
