package web

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"exchequer/aggregates"
	"exchequer/views"
)

// The parameters of the markers.
var (
	markerFormat = views.ChoiceParam("format", "The map that reads them", views.Option{Value: "bluemap"}, views.Option{Value: "dynmap"})
	markerParams = []*views.Param{markerFormat, views.WorldParam}
)

// markers serves the shops as markers that maps read: BlueMap's
// maps/{map}/live/markers.json, or Dynmap's tiles/_markers_/marker_{world}.json.
func (s *server) markers(w http.ResponseWriter, r *http.Request) error {
	params := views.ParseParams(markerParams, "", r.URL.RawQuery)
	src := &memoSource[aggregates.NoParams, *aggregates.Markers]{memo: s.API.Trade.Markers}
	sources := []source{src}
	if err := s.gather(r, sources); err != nil {
		return err
	}
	if err := src.failure(); err != nil {
		return err
	}
	world, all := params.Get(views.WorldParam), src.res.Value.Shops
	if world != "" && !slices.ContainsFunc(all, func(m aggregates.MarkedShop) bool { return m.World == world }) {
		return unknownWorld
	}
	return s.respondCached(w, r, s.pageKey(r, apiRoot+"/markers.json", params), sources, func() (*rendering, error) {
		var document any
		if params.Get(markerFormat) == "dynmap" {
			document = s.dynmap(all, world, src.res.AsOf)
		} else {
			document = s.blueMap(all, world)
		}
		header, b, err := encodeJSON(document)
		if err != nil {
			return nil, err
		}
		return newRendering(header, b, src.res.Next.Add(src.res.Lag)), nil
	})
}

// markerSet is the name of our markers among those of others.
const markerSet = "exchequer-shops"

// mostLabel is how many characters the label of a marker has.
const mostLabel = 60

// markerLabel returns the name of a shop. A map may write it as markup, so it has
// none of its characters, nor those that turn the writing of what follows around.
func markerLabel(m aggregates.MarkedShop) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == '<':
			return '‹'
		case r == '>':
			return '›'
		case r == '&':
			return '+'
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, m.Name)
	if strings.TrimSpace(name) == "" {
		return "Shop"
	}
	if r := []rune(name); len(r) > mostLabel {
		name = string(r[:mostLabel-1]) + "…"
	}
	return name
}

// markerDetail returns markup that says what a shop has, with a link to its page if
// the site's address is known.
func (s *server) markerDetail(m aggregates.MarkedShop) string {
	text := "<bdi>" + html.EscapeString(markerLabel(m)) + "</bdi><br>" + html.EscapeString(fmt.Sprintf("%d of %d offers in stock", m.Stand, m.Offers))
	if s.BaseURL == "" {
		return text
	}
	return text + `<br><a href="` + html.EscapeString(s.BaseURL+string(views.ShopAddress(m.Shop))) + `">Prices</a>`
}

// height returns the height of a marker: about sea level if it is not known.
func height(y *int64) int64 {
	if y == nil {
		return 64
	}
	return *y
}

type point struct {
	X int64 `json:"x"`
	Y int64 `json:"y"`
	Z int64 `json:"z"`
}

// A blueMarker is a marker of BlueMap: https://bluemap.bluecolored.de/wiki/customization/Markers.html
type blueMarker struct {
	Type        string `json:"type"`
	Label       string `json:"label"`
	Detail      string `json:"detail"`
	Position    point  `json:"position"`
	Icon        string `json:"icon"`
	Anchor      anchor `json:"anchor"`
	MinDistance int    `json:"minDistance"`
	MaxDistance int    `json:"maxDistance"`
}

type anchor struct {
	X int `json:"x"`
	Y int `json:"y"`
}

type blueSet struct {
	Label         string                `json:"label"`
	Toggleable    bool                  `json:"toggleable"`
	DefaultHidden bool                  `json:"defaultHidden"`
	Sorting       int                   `json:"sorting"`
	Markers       map[string]blueMarker `json:"markers"`
}

// blueMap returns the markers of a world, or of all, as BlueMap's set of marker sets.
func (s *server) blueMap(all []aggregates.MarkedShop, world string) map[string]blueSet {
	set := blueSet{Label: "Shops", Toggleable: true, Markers: map[string]blueMarker{}}
	for _, m := range all {
		if world == "" || m.World == world {
			set.Markers[url.PathEscape(m.Shop)] = blueMarker{
				Type: "poi", Label: markerLabel(m), Detail: s.markerDetail(m), Position: point{m.X, height(m.Y), m.Z},
				Icon: "assets/poi.svg", Anchor: anchor{25, 45}, MaxDistance: 10_000_000,
			}
		}
	}
	return map[string]blueSet{markerSet: set}
}

type dynMarker struct {
	point
	Label  string `json:"label"`
	Desc   string `json:"desc"` // markup
	Markup bool   `json:"markup"`
	Icon   string `json:"icon"`
	Dim    string `json:"dim"`
}

type dynSet struct {
	Label     string               `json:"label"`
	Hide      bool                 `json:"hide"`
	LayerPrio int                  `json:"layerprio"`
	Markers   map[string]dynMarker `json:"markers"`
	Areas     struct{}             `json:"areas"`
	Lines     struct{}             `json:"lines"`
	Circles   struct{}             `json:"circles"`
}

type dynDocument struct {
	Sets      map[string]dynSet `json:"sets"`
	Timestamp int64             `json:"timestamp"` // milliseconds
}

// dynmap returns the markers of a world, or of all, as Dynmap's file of a world.
func (s *server) dynmap(all []aggregates.MarkedShop, world string, asOf time.Time) dynDocument {
	set := dynSet{Label: "Shops", LayerPrio: 10, Markers: map[string]dynMarker{}}
	for _, m := range all {
		if world == "" || m.World == world {
			set.Markers[url.PathEscape(m.Shop)] = dynMarker{
				point: point{m.X, height(m.Y), m.Z}, Label: markerLabel(m), Desc: s.markerDetail(m), Icon: "default", Dim: "16x16",
			}
		}
	}
	return dynDocument{Sets: map[string]dynSet{markerSet: set}, Timestamp: asOf.UnixMilli()}
}
