package views

import "strings"

// pageAnchor returns the id of a page's heading on the page about the numbers.
func pageAnchor(page PageInfo) string {
	return strings.ReplaceAll(strings.Trim(page.Path, "/"), "/", "-")
}

// anchor returns the id of a panel there.
func anchor(page PageInfo, panel PanelInfo) string { return pageAnchor(page) + "-" + panel.Name }

// Definitions are the panels of a page, drawn with what there is to show now.
type Definitions struct {
	PageInfo
	Panels []Drawing
}
