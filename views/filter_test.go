package views

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
)

// filtered is a list with a filter of each kind.
func filtered() (info PageInfo, after *Param, filters []*Param) {
	after = &Param{Name: "after", Nearest: func(text string) string { return text }}
	filters = []*Param{
		SearchParam("q", "Name"), CheckParam("stock", "In stock"),
		ChoiceParam("sort", "Sort by", Option{Value: "value", Text: "value sold"}, Option{Value: "name", Text: "name"}),
		BeforeParam, DaysParam,
	}
	return PageInfo{Path: "/market/items", Params: append([]*Param{DaysParam, after}, filters[:4]...)}, after, filters
}

func TestAListsFormKeepsAndChangesWhatWasChosen(t *testing.T) {
	info, after, filters := filtered()
	for _, query := range []string{
		"", "q=oak+log", "q=%22%3E%3Cscript%3E&stock=yes&sort=name", "before=2026-11-03&days=7", "days=90&after=x&q=b&stock=yes",
	} {
		params := ParseParams(info.Params, "", query)
		list := List{Page: Page{Info: info, Params: params}, PanelInfo: PanelInfo{Name: "list"}, Filters: filters, After: after, Empty: true, Rows: templ.NopComponent}
		doc := render(t, ListPanel(list))
		sent := url.Values{} // by the form, as it is drawn
		doc.Find("form input, form select").Each(func(_ int, s *goquery.Selection) {
			value := s.AttrOr("value", "")
			switch {
			case s.Is("select"):
				value = s.Find("option[selected]").AttrOr("value", "")
			case s.Is("[type=checkbox]") && s.Is(":not([checked])"):
				return
			}
			if s.Is("[type=hidden]") == (s.ParentsFiltered("label").Length() == 1) {
				t.Errorf("%s: the field %s has no label", query, s.AttrOr("name", ""))
			}
			sent.Set(s.AttrOr("name", ""), value)
		})
		got := ParseParams(info.Params, "", sent.Encode())
		if want := params.With(info.Params, after, ""); got != want {
			t.Errorf("%q: the form sends %q, want %q, with the rows from the first", query, got.Query(), want.Query())
		}
	}
}

func TestHostileFiltersBecomeTheNearestLegalOnes(t *testing.T) {
	info, _, filters := filtered()
	q, stock, sort := filters[0], filters[1], filters[2]
	long := strings.Repeat("é", 10_000)
	for _, c := range []struct {
		d          *Param
		text, want string
	}{
		{q, "  Oak\n\tlog ", "Oak log"},
		{q, "\x00\x1b[31m", "[31m"},
		{q, "a\xffb", "a b"},
		{q, long, long[:2*mostSearched]},
		{q, strings.Repeat("x", mostSearched-1) + "   y", strings.Repeat("x", mostSearched-1)},
		{q, "<b>'\"%_\\", "<b>'\"%_\\"},
		{q, "شارع", "شارع"},
		{stock, "no", ""}, {stock, "0", ""}, {stock, "on", "yes"}, {stock, long, "yes"},
		{sort, "name", "name"}, {sort, "'; DROP TABLE items", "value"}, {sort, "", "value"},
		{BeforeParam, "2026-02-30", ""}, {BeforeParam, "0000-01-01", ""}, {BeforeParam, "2026-02-28", "2026-02-28"},
	} {
		got := ParseParams(info.Params, "", url.Values{c.d.Name: {c.text}}.Encode()).Get(c.d)
		if got != c.want || !utf8.ValidString(got) {
			t.Errorf("%s=%.40q becomes %.40q, want %.40q", c.d.Name, c.text, got, c.want)
		}
		if again := c.d.Nearest(got); again != got {
			t.Errorf("%s=%.40q is not canonical: it becomes %.40q", c.d.Name, got, again)
		}
	}
}
