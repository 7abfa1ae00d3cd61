package web

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/aggregates"
	"exchequer/signin"
	"exchequer/views"
)

// siteMapPath is below what the index of the site map lists: the pages, and the parts of
// what has pages of its own.
const siteMapPath = "/sitemap/"

// mappedPages are the pages of what a site map lists.
var mappedPages = map[aggregates.MappedKind]string{
	aggregates.MappedAccounts: views.AccountInfo.Path, aggregates.MappedFirms: views.HolderInfo.Path, aggregates.MappedItems: views.ItemInfo.Path,
	aggregates.MappedShops: views.ShopInfo.Path, aggregates.MappedReports: views.ReportPath,
}

// siteMaps are the files of one version of the parts. A part is written when it is first
// asked for, by one query whose rows are not kept, and once for all its readers.
type siteMaps struct {
	mu      sync.Mutex
	version uint64
	parts   map[string]*download
}

// part returns the file of a part.
func (m *siteMaps) part(version uint64, name string, make func() *download) *download {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version != version || m.parts == nil { // something may have been hidden since
		m.version, m.parts = version, map[string]*download{}
	}
	if m.parts[name] == nil {
		m.parts[name] = make()
	}
	return m.parts[name]
}

// mappedParts returns the parts of which everybody may see the pages, by the name of
// their file.
func (s *server) mappedParts(ctx context.Context) (names []string, parts map[string]aggregates.SitePart, version uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Budget)
	defer cancel()
	res, err := s.Economy.SiteMap.Get(ctx, aggregates.NoParams{})
	if err != nil {
		return nil, nil, 0, err
	}
	shown := map[string]bool{}
	for _, p := range s.pages {
		shown[p.Path] = p.shows() <= s.Privacy.sees(signin.Visitor)
	}
	parts, numbers := map[string]aggregates.SitePart{}, map[aggregates.MappedKind]int{}
	for _, part := range res.Value.Parts {
		if !shown[mappedPages[part.Kind]] {
			continue
		}
		numbers[part.Kind]++
		name := string(part.Kind) + "-" + strconv.Itoa(numbers[part.Kind])
		names, parts[name] = append(names, name), part
	}
	return names, parts, res.Version, nil
}

// siteMapIndex lists the site maps for search engines, which want absolute addresses.
func (s *server) siteMapIndex(w http.ResponseWriter, r *http.Request) error {
	if s.BaseURL == "" {
		return errNotFound
	}
	names, _, _, err := s.mappedParts(r.Context())
	if err != nil {
		return err
	}
	maps := []string{siteMapPath + "pages.xml"}
	for _, name := range names {
		maps = append(maps, siteMapPath+name+".xml")
	}
	return s.serveXML(w, r, "sitemapindex", "sitemap", maps)
}

// siteMap lists the pages, or the addresses of a part.
func (s *server) siteMap(w http.ResponseWriter, r *http.Request) error {
	name, isXML := strings.CutSuffix(chi.URLParam(r, "name"), ".xml")
	if s.BaseURL == "" || !isXML {
		return errNotFound
	}
	if name == "pages" {
		return s.serveXML(w, r, "urlset", "url", s.addresses())
	}
	_, parts, version, err := s.mappedParts(r.Context())
	if err != nil {
		return err
	}
	part, ok := parts[name]
	if !ok {
		return errNotFound
	}
	return s.siteMaps.part(version, name, func() *download {
		return s.newDownload("sitemap-"+name, ".xml", s.Economy.SiteMap.Policy().Window, func(ctx context.Context, to io.Writer) error {
			return s.writeSiteMap(ctx, to, part)
		})
	}).serve(w, r)
}

// serveXML answers with few addresses.
func (s *server) serveXML(w http.ResponseWriter, r *http.Request, root, element string, addresses []string) error {
	var b strings.Builder
	x := newXMLList(&b, root, element)
	for _, address := range addresses {
		x.add(s.BaseURL + address)
	}
	if err := x.end(); err != nil {
		return fmt.Errorf("site map: %w", err)
	}
	s.serve(w, r, newRendering(fileHeader("", ".xml"), []byte(b.String()), time.Time{}), true)
	return nil
}

// writeSiteMap writes the addresses of a part. It takes a place among the lists while it
// reads.
func (s *server) writeSiteMap(ctx context.Context, to io.Writer, part aggregates.SitePart) error {
	free, err := takeAll(ctx, "", s.looks, s.lists)
	if err != nil {
		return err
	}
	defer free()
	x := newXMLList(to, "urlset", "url")
	err = s.Economy.Mapped(ctx, part, func(ref string) error {
		x.add(s.BaseURL + at(mappedPages[part.Kind], ref))
		return x.err
	})
	if err != nil {
		return err
	}
	return x.end()
}

// An xmlList writes addresses by the sitemaps.org protocol.
type xmlList struct {
	to            io.Writer
	root, element string
	err           error
}

func newXMLList(to io.Writer, root, element string) *xmlList {
	x := &xmlList{to: to, root: root, element: element}
	x.write(xml.Header + "<" + root + ` xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">` + "\n")
	return x
}

func (x *xmlList) write(text string) {
	if x.err == nil {
		_, x.err = io.WriteString(x.to, text)
	}
}

func (x *xmlList) add(address string) {
	x.write("<" + x.element + "><loc>")
	if x.err == nil {
		x.err = xml.EscapeText(x.to, []byte(address))
	}
	x.write("</loc></" + x.element + ">\n")
}

func (x *xmlList) end() error {
	x.write("</" + x.root + ">\n")
	return x.err
}

// addresses returns the address of every page and panel that everybody may see, except of
// pages with a ref.
func (s *server) addresses() []string {
	var all []string
	sees := s.Privacy.sees(signin.Visitor)
	for _, p := range s.pages {
		if p.exists != nil || p.shows() > sees {
			continue
		}
		all = append(all, p.Path)
		for _, panel := range p.panels {
			if panel.shows() <= sees {
				all = append(all, p.Path+"/"+panel.Name)
			}
		}
	}
	return append(all, "/about/numbers", apiPagePath)
}

// robots keeps crawlers from files and from the operators' API.
func (s *server) robots(w http.ResponseWriter, r *http.Request) error {
	text := "User-agent: *\n" + robotsRules(s.Root, s.Privacy, s.BaseURL)
	s.serve(w, r, newRendering(http.Header{"Content-Type": textPlain}, []byte(text), time.Time{}), true)
	return nil
}

// unmapped are the addresses that crawlers are kept from.
var unmapped = []string{"/api/", "/*.csv", "/*.json", "/compare/add", "/watch?", "/watch/", "/watch.atom", "/search", "/admin"}

// robotsRules returns the lines of robots.txt that are about a site, with its address or
// without.
func robotsRules(root views.Root, privacy Privacy, base string) string {
	if privacy == Closed {
		return "Disallow: " + root.Of("/") + "\n"
	}
	var b strings.Builder
	for _, address := range unmapped {
		b.WriteString("Disallow: " + root.Of(address) + "\n")
	}
	if base != "" {
		b.WriteString(siteMapRule(base))
	}
	return b.String()
}

func siteMapRule(base string) string { return "Sitemap: " + base + "/sitemap.xml\n" }
