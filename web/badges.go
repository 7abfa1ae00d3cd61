package web

import (
	"net/http"

	"exchequer/aggregates"
	"exchequer/views"
)

// booksBadge answers with a small picture for other sites that says whether the
// books of the whole ledger balance. It is kept as long as a panel is.
func (s *server) booksBadge(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	reading := readMemo(s.Economy.Bridge, func(views.Params) aggregates.Days { return 0 })
	one := []source{reading.open(views.Params{})}
	if !warm(one) {
		if err := s.gather(r, one); err != nil {
			return err
		}
	}
	return s.respondCached(w, r, s.pageKey(r, "/badges/books.svg", views.Params{}), one, func() (*rendering, error) {
		var b *aggregates.Bridge
		if one[0].failure() == nil {
			b = one[0].result().value.(*aggregates.Bridge)
		}
		clock := s.pageClock(one, one)
		header := http.Header{"Content-Type": {"image/svg+xml"}}
		return newRendering(header, []byte(views.BooksBadge(b, s.Settings())), clock.Next.Add(clock.Lag)), nil
	})
}
