package views

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"exchequer/aggregates"
)

// A Param is a parameter of addresses. It has few values, or those that a text of
// bounded length may have. Only lists depend on such texts, and no key of a memo
// does, so that visitors cannot create keys of memos at will.
type Param struct {
	Name    string
	Label   string // of its links: "Period"
	Default string // left out of addresses
	// Nearest returns the legal value nearest to any text.
	Nearest func(string) string
	Options []Option // that are offered as links, or by a form
	Field   Field    // by which a form asks for it
	Is      string   // what its values are, where its options do not say it: "a day, as 2026-08-31"
	Number  bool     // any number has a legal one that is nearest to it
	Free    bool     // its values are what readers write: see [Params.Free]
	Quiet   bool     // its options are not offered as links: most of them would lead nowhere
}

// What values are, for those who write addresses.
const (
	aDay     = "a day, as 2026-08-31"
	aText    = "a text of at most 512 bytes"
	anAmount = "a number that is not below 0, as 12.50"
)

// An Option is a value of a parameter, as a link.
type Option struct {
	Value string
	Text  string // short: "7 d"
	Title string // in full: "the last 7 days"
}

// The parameters of several pages.
var (
	DaysParam = &Param{
		Name: "days", Label: "Period", Default: "30", Number: true,
		Nearest: func(s string) string { return aggregates.ParseDays(s).Key() },
		Options: []Option{
			{"7", "7 d", "the last 7 days"}, {"30", "30 d", "the last 30 days"}, {"90", "90 d", "the last 90 days"},
			{"365", "1 y", "the last year"}, {"all", "all", "all time"},
		},
	}
	AtParam = &Param{
		Name: "at", Label: "As it was on the day", Free: true, Is: aDay,
		Nearest: func(s string) string { return string(aggregates.ParseDate(s)) },
	}
	PopulationParam = &Param{
		Name: "population", Label: "Population", Default: aggregates.PopulationPersonal.Key(),
		Nearest: func(s string) string { return aggregates.ParsePopulation(s).Key() },
		Options: []Option{
			{"personal", "personal", "holders of personal accounts"},
			{"private", "personal and business", "holders of personal and business accounts"},
			{"all", "all", "all holders but issuers"},
		},
	}
	CountedParam = &Param{
		Name: "counted", Label: "Who counts", Default: string(aggregates.CountedAll),
		Nearest: func(s string) string { return string(aggregates.ParseCounted(s)) },
		Options: []Option{
			{"all", "all of them", "all whose accounts were ever used"},
			{"moved", "those who moved", "those with more than one posting: without holders who only have their starting balance"},
			{"90", "active in 90 d", "those with a posting in the last 90 days"},
			{"30", "30 d", "those with a posting in the last 30 days"},
		},
	}
)

// Params are the parameters of a page: the ref in its path, if it has one, and
// the canonical query. They are comparable.
type Params struct {
	Ref   string
	query string // "days=7&population=all": in the page's order, without defaults
	free  bool
}

// ParseParams returns the values nearest to those of a query.
func ParseParams(declared []*Param, ref, rawQuery string) Params {
	p := Params{Ref: ref}
	if rawQuery == "" {
		return p
	}
	q, _ := url.ParseQuery(rawQuery) // what cannot be read counts as not given
	for _, d := range declared {
		if q.Has(d.Name) {
			p = p.add(d, d.Value(q.Get(d.Name)))
		}
	}
	return p
}

// Value returns the value nearest to a text of an address, whatever space is around it
// unless the value is a text itself.
func (d *Param) Value(text string) string {
	if d.Is != aText {
		text = strings.TrimSpace(text)
	}
	if d.Number {
		text = plainNumber(text)
	}
	return d.Nearest(text)
}

// plainNumber returns a number without what separates its thousands, and any other text
// as it is.
func plainNumber(text string) string {
	whole, fraction, point := strings.Cut(text, ".")
	digits, ok := ungrouped(whole)
	switch {
	case !ok:
		return text
	case point:
		return digits + "." + fraction
	}
	return digits
}

// Unreadable returns the first of the parameters that has a text in a query that is no
// value of it, nor near one, such as at=yesterday; nil if there is none.
func Unreadable(declared []*Param, rawQuery string) *Param {
	if rawQuery == "" {
		return nil
	}
	q, _ := url.ParseQuery(rawQuery)
	for _, d := range declared {
		if !d.reads(strings.TrimSpace(q.Get(d.Name))) { // as Value does
			return d
		}
	}
	return nil
}

// reads reports whether a text has a meaning. No text has one: forms send it for what is
// not chosen.
func (d *Param) reads(text string) bool {
	if text == "" || d.Field == CheckField {
		return true
	}
	if d.Number {
		_, err := strconv.ParseInt(plainNumber(text), 10, 64)
		if err == nil || errors.Is(err, strconv.ErrRange) {
			return true
		}
	}
	nearest := d.Value(text)
	if len(d.Options) > 0 || d.Number {
		return nearest == text
	}
	return nearest != "" || strings.Trim(text, "0.,") == "" // nothing, or none
}

// Misread is what the reader of an address is told whose value of d cannot be read.
func (d *Param) Misread() string {
	is := d.Is
	if is == "" && len(d.Options) > 0 {
		var values []string
		for _, o := range d.Options {
			if o.Value != "" {
				values = append(values, o.Value)
			}
		}
		is = "one of " + strings.Join(values, ", ")
	}
	said := "This address has something under “" + d.Name + "” that it cannot have."
	if is != "" {
		said += " It is " + is + "."
	}
	return said
}

func (p Params) add(d *Param, value string) Params {
	if value == d.Default {
		return p
	}
	if p.query != "" {
		p.query += "&"
	}
	p.query += d.Name + "=" + strings.ReplaceAll(url.QueryEscape(value), "%3A", ":") // which a query may have
	p.free = p.free || d.Free
	return p
}

// Free reports whether a value is what a reader wrote, so that there are as many
// addresses as readers make.
func (p Params) Free() bool { return p.free }

// Get returns the value of a parameter.
func (p Params) Get(d *Param) string {
	for pair := range strings.SplitSeq(p.query, "&") {
		if name, value, _ := strings.Cut(pair, "="); name == d.Name && name != "" {
			value, _ = url.QueryUnescape(value) // was escaped by add
			return value
		}
	}
	return d.Default
}

// With returns p with another value of a parameter, of those declared.
func (p Params) With(declared []*Param, changed *Param, value string) Params {
	with := Params{Ref: p.Ref}
	for _, d := range declared {
		if d == changed {
			with = with.add(d, value)
		} else {
			with = with.add(d, p.Get(d))
		}
	}
	return with
}

// Of returns p without the parameters that are not declared.
func (p Params) Of(declared []*Param) Params { return p.With(declared, nil, "") }

// Query returns the canonical query with its question mark, or nothing.
func (p Params) Query() string {
	if p.query == "" {
		return ""
	}
	return "?" + p.query
}

// Values returns the value of each parameter by name.
func (p Params) Values(declared []*Param) map[string]string {
	values := map[string]string{}
	for _, d := range declared {
		values[d.Name] = p.Get(d)
	}
	return values
}

// option returns the option of a value.
func (d *Param) option(value string) Option {
	for _, o := range d.Options {
		if o.Value == value {
			return o
		}
	}
	return Option{value, value, value}
}

// A link leads to one of several choices.
type link struct {
	Text, Title string
	Href        templ.SafeURL
	Current     bool
}

// links returns one link for each option of a parameter, to path.
func (p Params) links(path string, declared []*Param, d *Param) []link {
	var links []link
	for _, o := range d.Options {
		links = append(links, link{
			Text: o.Text, Title: o.Title, Current: o.Value == p.Get(d),
			Href: templ.SafeURL(path + p.With(declared, d, o.Value).Query()),
		})
	}
	return links
}
