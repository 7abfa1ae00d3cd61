package views

import "strings"

// anchor returns the id of a panel on the page about the numbers.
func anchor(page PageInfo, panel PanelInfo) string {
	return strings.ReplaceAll(strings.Trim(page.Path, "/"), "/", "-") + "-" + panel.Name
}
