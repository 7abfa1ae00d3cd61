package importer

import (
	"fmt"
	"strings"
)

// A template is text with {names} of columns and constants, and with {@file} and
// {@line}, the position of the row.
type template struct {
	parts []part
}

// A part is a name or literal text.
type part struct{ name, text string }

const (
	nameFile = "@file"
	nameLine = "@line"
)

func parseTemplate(s string) (template, error) {
	var t template
	for rest := s; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			open = len(rest)
		}
		if literal := rest[:open]; literal != "" {
			if strings.Contains(literal, "}") {
				return template{}, fmt.Errorf("%q: } without {", s)
			}
			t.parts = append(t.parts, part{text: literal})
		}
		if open == len(rest) {
			break
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return template{}, fmt.Errorf("%q: { without }", s)
		}
		name := rest[open+1 : end]
		if name != nameFile && name != nameLine && !validName(name) {
			return template{}, fmt.Errorf("%q: {%s} is not a name; names are letters, digits and _, or @file, @line", s, name)
		}
		t.parts = append(t.parts, part{name: name})
		rest = rest[end+1:]
	}
	return t, nil
}

// fixed reports whether the text is the same for every row.
func (t template) fixed() bool { return len(t.names()) == 0 }

func (t template) names() []string {
	var names []string
	for _, p := range t.parts {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	return names
}

func (t template) has(name string) bool {
	for _, p := range t.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// fill returns the text for a row. complete is false if a column that the template
// names is empty.
func (t template) fill(row *row) (text string, complete bool) {
	if len(t.parts) == 1 {
		if p := t.parts[0]; p.name == "" {
			return p.text, true
		} else {
			text = row.value(p.name)
			return text, text != ""
		}
	}
	complete = true
	var s strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			s.WriteString(p.text)
			continue
		}
		value := row.value(p.name)
		if value == "" {
			complete = false
		}
		s.WriteString(value)
	}
	return s.String(), complete
}

func validName(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
