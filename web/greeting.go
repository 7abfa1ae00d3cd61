package web

import (
	"exchequer/aggregates"
	"exchequer/views"
)

// greeting declares the panel that an empty ledger has on every page. The page is
// asked for again like any other, and has numbers once there are any.
func (s *server) greeting() panel {
	info := views.PanelInfo{Name: "begin", Title: "Ways to begin", Width: views.Whole, Shows: views.ShowsNames}
	return panel{
		PanelInfo: info,
		from:      readMemo(s.Economy.Profile, once),
		draw: func(p views.Page, r result) views.Drawing {
			return views.Draw(p, info, r.Status, aggregates.Basis{}, func() views.Content { return views.Greeting(p) })
		},
	}
}
