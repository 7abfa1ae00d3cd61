package web

import (
	"cmp"
	"net/http"

	"exchequer/alerts"
	"exchequer/views"
)

// alertsFeed returns the handler of the feed of public alerts, which encode writes: as
// much of it as its reader may see.
func (s *server) alertsFeed(suffix string, encode func(f feed, self string) (http.Header, []byte, error)) handler {
	const subtitle = "Alerts of the rules that the operators have made public."
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.Alerts == nil {
			return errNotFound
		}
		one := []source{&memoSource[alerts.SentQuery, *alerts.Sent]{memo: s.Alerts, p: alerts.SentQuery{Sees: s.sees(r.Context())}}}
		if !warm(one) {
			if err := s.gather(r, one); err != nil {
				return err
			}
		}
		if err := one[0].failure(); err != nil {
			return err
		}
		return s.respondCached(w, r, s.pageKey(r, views.AlertsFeed+suffix, views.Params{}), one, func() (*rendering, error) {
			sent, clock := one[0].result().value.(*alerts.Sent), s.pageClock(one, one)
			f := feed{id: s.tag("alerts"), title: "Alerts · " + s.site().Author(), subtitle: subtitle, page: views.FeedsPath, updated: clock.AsOf}
			for n, a := range sent.Alerts {
				if n == 0 {
					f.updated = a.At
				}
				f.entries = append(f.entries, feedEntry{id: s.tag("alerts/" + a.ID), title: a.Title, text: cmp.Or(a.Text, a.Title), page: a.Path, at: a.At})
			}
			header, b, err := encode(f, views.AlertsFeed+suffix)
			if err != nil {
				return nil, err
			}
			drawn := newRendering(header, b, clock.Next.Add(clock.Lag))
			drawn.keep = true
			return drawn, nil
		})
	}
}
