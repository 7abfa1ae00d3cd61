package web

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/views"
)

// A feed is news that programs come back for. Addresses are those of this site,
// without its host.
type feed struct {
	id       string // what stays the same: see [server.tag]
	title    string
	subtitle string // by which rules there are entries
	page     string // for people
	updated  time.Time
	entries  []feedEntry
}

// A feedEntry is a piece of news. Its id is that of what happened, so that readers see
// it once.
type feedEntry struct {
	id, title, text, page string
	at                    time.Time
}

// tag returns an id that is the same for ever: a tag of RFC 4151, of the site's host
// where that is known.
func (s *server) tag(specific string) string {
	host := "localhost"
	if u, err := url.Parse(s.BaseURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return "tag:" + host + ",2026:" + strings.TrimPrefix(s.Root.Of("/"+specific), "/")
}

// The elements of Atom, RFC 4287.
type (
	atomFeed struct {
		XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		ID       string      `xml:"id"`
		Title    string      `xml:"title"`
		Subtitle string      `xml:"subtitle"`
		Updated  string      `xml:"updated"`
		Author   string      `xml:"author>name"`
		Links    []atomLink  `xml:"link"`
		Entries  []atomEntry `xml:"entry"`
	}
	atomEntry struct {
		ID        string   `xml:"id"`
		Title     string   `xml:"title"`
		Published string   `xml:"published"`
		Updated   string   `xml:"updated"`
		Link      atomLink `xml:"link"`
		Content   string   `xml:"content"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
)

// atom writes a feed whose own address is self.
func (s *server) atom(f feed, self string) (http.Header, []byte, error) {
	instant := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	doc := atomFeed{
		ID: f.id, Title: f.title, Subtitle: f.subtitle, Updated: instant(f.updated), Author: s.site().Author(),
		Links: []atomLink{{"self", "application/atom+xml", s.whole(self)}, {"alternate", "text/html", s.whole(f.page)}},
	}
	for _, e := range f.entries {
		doc.Entries = append(doc.Entries, atomEntry{e.id, e.title, instant(e.at), instant(e.at), atomLink{"alternate", "text/html", s.whole(e.page)}, e.text})
	}
	b, err := xml.Marshal(doc)
	if err != nil {
		return nil, nil, fmt.Errorf("feed: %w", err)
	}
	header := anyOriginHeaders.Clone()
	header.Set("Content-Type", "application/atom+xml; charset=utf-8")
	return header, append([]byte(xml.Header), b...), nil
}

// The objects of a JSON Feed, version 1.1.
type (
	jsonFeed struct {
		Version     string     `json:"version"`
		Title       string     `json:"title"`
		Description string     `json:"description"`
		HomePage    string     `json:"home_page_url,omitempty"`
		FeedURL     string     `json:"feed_url,omitempty"`
		Items       []jsonItem `json:"items"`
	}
	jsonItem struct {
		ID        string    `json:"id"`
		URL       string    `json:"url,omitempty"`
		Title     string    `json:"title"`
		Text      string    `json:"content_text"`
		Published time.Time `json:"date_published"`
	}
)

// jsonFeed writes a feed whose own address is self. It has addresses only where the
// site's host is known, since they have to be whole.
func (s *server) jsonFeed(f feed, self string) (http.Header, []byte, error) {
	whole := func(address string) string {
		if s.BaseURL == "" {
			return ""
		}
		return s.BaseURL + address
	}
	doc := jsonFeed{Version: "https://jsonfeed.org/version/1.1", Title: f.title, Description: f.subtitle, HomePage: whole(f.page), FeedURL: whole(self), Items: []jsonItem{}}
	for _, e := range f.entries {
		doc.Items = append(doc.Items, jsonItem{e.id, whole(e.page), e.title, e.text, e.at.UTC()})
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, nil, fmt.Errorf("feed as JSON: %w", err)
	}
	header := anyOriginHeaders.Clone()
	header.Set("Content-Type", "application/feed+json")
	return header, append(b, '\n'), nil
}

// A newsFeed is the feed of a page: a reading, and the feed that its value makes.
type newsFeed struct {
	from  opener
	of    func(view views.Page, value any) feed
	other opener // for those who may not see dealings; from is for all others
}

// shows returns what the feed shows at least.
func (n *newsFeed) shows() views.Level {
	if n.other == nil {
		return views.ShowsDealings
	}
	return views.ShowsSums
}

// seenUpTo returns the reading for those who may see so much.
func (n *newsFeed) seenUpTo(sees views.Level) opener {
	if sees < views.ShowsDealings {
		return n.other
	}
	return n.from
}

// feedOf returns the handler of the feed of a page, which encode writes. Readers may
// keep it until newer news are due.
func (s *server) feedOf(p *page, suffix string, encode func(f feed, self string) (http.Header, []byte, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		params, err := p.params(r)
		if err != nil {
			return err
		}
		one := []source{p.feed.seenUpTo(s.sees(r.Context())).open(params)}
		if !warm(one) {
			if err := s.gather(r, one); err != nil {
				return err
			}
		}
		if err := one[0].failure(); err != nil {
			return err
		}
		return s.respondCached(w, r, s.pageKey(r, p.Feed+suffix, params), one, func() (*rendering, error) {
			header, b, err := encode(p.feed.of(s.viewOf(p, params, nil), one[0].result().value), p.Feed+suffix+params.Query())
			if err != nil {
				return nil, err
			}
			clock := s.pageClock(one, one)
			drawn := newRendering(header, b, clock.Next.Add(clock.Lag))
			drawn.keep = true
			return drawn, nil
		})
	}
}
