package views

import (
	"strconv"

	"github.com/a-h/templ"
)

// EmbedPath is where panels are that pages of other sites show: each at its own address
// below it.
const EmbedPath = "/embed/"

// EmbedSize returns the pixels that a panel takes on a page of another site.
func EmbedSize(i PanelInfo) (width, height int) {
	if i.Strip {
		return 640, 260
	}
	return 640, 480
}

// EmbedCode returns the element that shows the panel of the page on a page of another
// site.
func EmbedCode(p Page, width, height int) string {
	return `<iframe src="` + templ.EscapeString(p.BaseURL+EmbedPath+p.Address()[1:]) + `" title="` + templ.EscapeString(p.title()) +
		`" width="` + strconv.Itoa(width) + `" height="` + strconv.Itoa(height) + `" loading="lazy" style="border:0"></iframe>`
}

// embedCode returns the element that readers copy, empty where there is none: pages
// whose host is not known have none.
func (d Drawing) embedCode() string {
	if d.Only == nil || d.Theme != "" || d.BaseURL == "" {
		return ""
	}
	width, height := EmbedSize(d.PanelInfo)
	return EmbedCode(d.Page, width, height)
}

// theme returns the theme that an embedded panel is shown in whatever the reader
// prefers; empty: as preferred.
func (p Page) theme() string {
	if p.Theme == "system" {
		return ""
	}
	return p.Theme
}
