package views

import "strings"

// anchor returns the id of a panel on the page about the numbers.
func anchor(page PageInfo, panel PanelInfo) string {
	return strings.ReplaceAll(strings.Trim(page.Path, "/"), "/", "-") + "-" + panel.Name
}

// Definitions are the panels of a page, drawn with what there is to show now.
type Definitions struct {
	PageInfo
	Panels []Drawing
}
