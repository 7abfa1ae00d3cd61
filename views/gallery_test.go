package views

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

var gallery = flag.String("gallery", "", "folder in which to write every page, to be looked at")

// pages are all kinds of page, by name.
func pages() map[string]templ.Component {
	base := town(30)
	all := map[string]templ.Component{
		"town":    Economy(base),
		"council": Economy(council()),
		"empty":   Economy(empty()),
		"404":     ErrorPage(base.Site, 404, "There is no page at this address."),
		"503":     ErrorPage(base.Site, 503, "The database does not answer. What was computed before is still shown on the economy page."),
		"cold":    EconomyFrame(base.Site, Clock{}, base.Choice, true, templ.Join(RichestPanel(base.Site, base.Choice, base.Richest), ActivityPanel(base.Site, base.Choice, base.Activity))),
		"late": EconomyFrame(base.Site, base.Clock, base.Choice, true, templ.Join(
			RichestPanel(base.Site, base.Choice, base.Richest), WealthPanel(base.Site, base.Choice, base.Wealth),
			InequalityPanels(base.Site, base.Choice, base.Inequality), RhythmPanel(base.Site, base.Choice, base.Rhythm),
			ActivityPanel(base.Site, base.Choice, base.Activity), OverviewPanel(base.Site, base.Choice, base.Overview))),
	}
	for _, d := range aggregates.AllDays() {
		all["town-"+d.Key()] = Economy(town(d))
	}
	tables := map[string]aggregates.Table{
		"activity": base.Activity.Result.Value.Table(), "richest": base.Richest.Result.Value.Table(),
		"overview": {}, "inequality": base.Inequality.Result.Value.Table(), "lorenz": base.Inequality.Result.Value.LorenzTable(),
		"distribution": base.Inequality.Result.Value.BinsTable(), "wealth": base.Wealth.Result.Value.Table(), "rhythm": base.Rhythm.Result.Value.Table(),
	}
	for _, name := range PanelNames() {
		s := base.Site
		s.Path = home + "/" + name
		all["panel-"+name] = PanelAlone(PanelPage{Site: s, Clock: base.Clock, Choice: base.Choice, Name: name, Page: base, Table: tables[name]})
	}
	return all
}

func render(t testing.TB, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGallery writes every page to files, beside the style sheet:
//
//	go test ./views -run TestGallery -gallery /somewhere
func TestGallery(t *testing.T) {
	if *gallery == "" {
		t.Skip("no -gallery folder given")
	}
	for name, page := range pages() {
		html := bytes.ReplaceAll([]byte(render(t, page)), []byte(`"/static/`), []byte(`"static/`))
		if err := os.WriteFile(filepath.Join(*gallery, name+".html"), html, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(*gallery, "static", "icons"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"app.css", "icons/mark.svg"} {
		from, err := os.Open(filepath.Join("..", "static", name))
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		to, err := os.Create(filepath.Join(*gallery, "static", name))
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		if _, err := io.Copy(to, from); err != nil {
			t.Fatal(err)
		}
	}
}
