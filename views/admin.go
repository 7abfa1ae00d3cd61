package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"exchequer/ledger"
)

// AdminPath is the address below which the pages of admins are.
const AdminPath = "/admin"

// An AdminPage is a page of the admins: blocks, one below the other. What they say is texts
// that are drawn as they are.
type AdminPage struct {
	Page
	Sections []MenuEntry // all pages of admins
	Blocks   []AdminBlock
}

// section returns the aria-current of a section: whether it is this page, or leads to it.
func (p AdminPage) section(e MenuEntry) string {
	if e.Path == p.Info.Path {
		return "page"
	}
	if above := p.Info.Above; len(above) > 1 && above[len(above)-1].Path == e.Path {
		return "true"
	}
	return ""
}

// An AdminBlock is a part of a page: sentences, facts, a table and forms, as far as it has
// them, in this order.
type AdminBlock struct {
	ID    string // in the page
	Title string
	Half  bool // beside another one where there is room
	Text  []AdminText
	Facts []AdminFact

	Columns []string
	Rows    [][]AdminText
	Empty   string      // in the place of a table without rows
	More    []AdminText // links to other rows, and to files

	Forms []AdminForm
}

// An AdminText is a text, perhaps with a state, which is drawn with it, or a link.
type AdminText struct {
	Text   string
	Href   string // an address of the site; empty: it leads nowhere
	Button bool   // it leads to the description of an action, and looks like a button
	State  string // good, watch, bad, or empty
	Number bool
	Code   bool        // a name of the program's, a key, a command
	Also   []AdminText // beside it
}

// class returns the class of a cell with the text.
func (t AdminText) class() string {
	switch {
	case t.Number:
		return "n"
	case len(t.Text) > 60, t.State != "" && len(t.Text) > 30:
		return "wide"
	}
	return ""
}

// mark returns the sign that stands before a text in a state, for those who see no colour.
func (t AdminText) mark() string {
	switch t.State {
	case "good":
		return "●"
	case "watch":
		return "▲"
	case "bad":
		return "■"
	}
	return ""
}

// An AdminFact is a name and what is known of it.
type AdminFact struct {
	Name  string
	Value AdminText
}

// An AdminForm asks for what an action needs. Its answer says what will happen; nothing has
// happened yet.
type AdminForm struct {
	Action string // an address of the site
	Get    bool   // a filter: it is sent in the address
	Title  string
	Text   string
	Fields []AdminField
	Button string
	Danger bool
}

// parts returns the fields of a form as they are drawn: boxes of one name are a group.
func (f AdminForm) parts() (parts [][]AdminField) {
	for _, d := range f.Fields {
		if n := len(parts); n > 0 && d.Kind == "check" && parts[n-1][0].Kind == "check" && parts[n-1][0].Name == d.Name {
			parts[n-1] = append(parts[n-1], d)
			continue
		}
		parts = append(parts, []AdminField{d})
	}
	return parts
}

// An AdminField is a part of a form.
type AdminField struct {
	Name, Label, Value string
	Kind               string // text, area, choice, check, hidden, time, day
	Options            []Option
	Most               int // characters
	Needed             bool
	Help               string
	Legend             string // of a group of boxes, with the first one
	Wrong              string // what is wrong with what was written; of a group, with the first one
	Checked            bool
}

// id returns what the label of a field is for. Fields of several forms of a page may share
// a name.
func (f AdminForm) id(d AdminField) string {
	return strings.TrimPrefix(f.Action, AdminPath+"/") + "-" + d.Name
}

// described returns the attributes of a field that was filled in wrongly: it has the focus,
// and what is wrong with it is read with its name. A group of boxes has no focus itself.
func (f AdminForm) described(d AdminField) templ.Attributes {
	switch {
	case d.Wrong == "":
		return nil
	case d.Kind == "check":
		return templ.Attributes{"aria-describedby": f.id(d) + "-wrong"}
	}
	return wrongField(f.id(d)+"-wrong", true)
}

// Moment returns a time as tables of admins have it.
func Moment(t time.Time, s ledger.Settings) string { return Date(t, s) + " " + Time(t, s) }
