package admin

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"exchequer/views"
)

// Short names for what blocks are made of.
type (
	block = views.AdminBlock
	text  = views.AdminText
	fact  = views.AdminFact
	form  = views.AdminForm
	field = views.AdminField
)

func plain(s string) text            { return text{Text: s} }
func code(s string) text             { return text{Text: s, Code: true} }
func number[N int | int64](n N) text { return text{Text: views.Count(int64(n)), Number: true} }
func state(is, s string) text        { return text{Text: s, State: is} }
func link(s, href string) text       { return text{Text: s, Href: href} }

// said returns sentences, each a paragraph.
func said(sentences ...string) (all []text) {
	for _, s := range sentences {
		all = append(all, plain(s))
	}
	return all
}

// at returns a time, or another text if there is none.
func (p *Pages) at(t *time.Time, none string) text {
	if t == nil || t.IsZero() {
		return plain(none)
	}
	return plain(views.Moment(*t, p.Settings()))
}

// ago returns how long ago a time was.
func ago(t time.Time) string { return age(time.Since(t)) }

// age returns a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return views.Count(int64(d/time.Second)) + " s"
	case d < time.Hour:
		return views.Count(int64(d/time.Minute)) + " min"
	case d < 48*time.Hour:
		return views.Count(int64(d/time.Hour)) + " h"
	}
	return views.Count(int64(d/(24*time.Hour))) + " d"
}

// lasting returns a duration exactly, in one unit where that is possible.
func lasting(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, " d"}, {time.Hour, " h"}, {time.Minute, " min"}, {time.Second, " s"}} {
		if d > 0 && d%u.unit == 0 {
			return views.Count(int64(d/u.unit)) + u.name
		}
	}
	return d.String()
}

// address returns an address with parameters, in pairs.
func address(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// doing returns the link to the description of an action.
func doing(label, action string, pairs ...string) text {
	return text{Text: label, Href: address(pathDo+action, pairs...), Button: true}
}

// quote returns a text in quotation marks, without what would break a line.
func quote(s string) string {
	return "“" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '�'
		}
		return r
	}, s) + "”"
}

// pick returns the value of a parameter, cut to a length.
func pick(q url.Values, name string, most int) string {
	v := q.Get(name)
	return strings.ToValidUTF8(strings.ReplaceAll(v[:min(len(v), most)], "\x00", ""), "")
}

// broken is a block that could not be read; the others of a page are shown all the same.
func (p *Pages) broken(id, title string, err error) block {
	p.Log.Warn("a part of an admin page could not be read", "part", id, "error", err)
	return block{ID: id, Title: title, Text: []text{state("bad", "This could not be read just now: "+reason(err))}}
}

// reason returns why something failed, for an admin.
func reason(err error) string { return cmp.Or(strings.TrimSpace(err.Error()), "unknown") }

// cutText returns the beginning of a text, of n bytes at most and whole characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
