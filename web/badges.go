package web

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// badgesPath is where the badges are: small pictures for other sites.
const badgesPath = "/badges/"

// A badge is a small picture of a number. Draw gets nil where there is no value.
type badge struct {
	name string // of the file, without its suffix
	from opener
	draw func(value any, s ledger.Settings) string
}

// drawBadge returns what draws a badge of values of a type.
func drawBadge[T any](draw func(*T, ledger.Settings) string) func(any, ledger.Settings) string {
	return func(value any, s ledger.Settings) string {
		v, _ := value.(*T)
		return draw(v, s)
	}
}

// badges declares those of the whole economy. They read what the home page reads.
func (s *server) badges() []badge {
	overview := readMemo(s.Economy.Overview, byDays)
	all := func(views.Params) aggregates.Days { return 0 }
	return []badge{
		{"books", readMemo(s.Economy.Bridge, all), drawBadge(views.BooksBadge)},
		{"supply", overview, drawBadge(views.SupplyBadge)},
		{"holders", overview, drawBadge(views.HoldersBadge)},
		{"gini", readMemo(s.Economy.Inequality, byHolders), drawBadge(views.GiniBadge)},
		{"transactions", readMemo(s.Economy.Activity, byDays), drawBadge(views.TransactionsBadge)},
	}
}

// badge answers with a badge. It is kept as long as a panel is.
func (s *server) badge(b badge) handler {
	return func(w http.ResponseWriter, r *http.Request) error { return s.sendBadge(w, r, b, views.Params{}) }
}

func (s *server) sendBadge(w http.ResponseWriter, r *http.Request, b badge, params views.Params) error {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	one := []source{b.from.open(params)}
	if !warm(one) {
		if err := s.gather(r, one); err != nil {
			return err
		}
	}
	return s.respondCached(w, r, s.pageKey(r, badgesPath+b.name+".svg", params), one, func() (*rendering, error) {
		clock := s.pageClock(one, one)
		header := http.Header{"Content-Type": {"image/svg+xml"}}
		return newRendering(header, []byte(b.draw(one[0].result().value, s.Settings())), clock.Next.Add(clock.Lag)), nil
	})
}

// itemBadge answers with the badge of an item's price. The suffix is cut here, since a
// ref may have dots in it.
func (s *server) itemBadge() handler {
	b := badge{"items/{ref}", readMemo(s.API.Item, byItem), drawBadge(views.PriceBadge)}
	return func(w http.ResponseWriter, r *http.Request) error {
		name, isPicture := strings.CutSuffix(chi.URLParam(r, "ref"), ".svg")
		if !isPicture {
			return errNotFound
		}
		ref, err := unescapeRef(r, name)
		if err != nil {
			return err
		}
		if err := checkExists(r.Context(), s.API.Items, ref, unknownItem); err != nil {
			return err
		}
		return s.sendBadge(w, r, b, views.Params{Ref: ref})
	}
}
