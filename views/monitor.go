package views

// BeaconPath is where browsers send what they measured.
const BeaconPath = "/rum"

// A Monitoring is how browsers measure the pages.
type Monitoring struct {
	Script string // its address; none if empty
	Sample string // the share of views that are measured: "0.1"
	Faro   string // the receiver of Faro; empty: our own
}

// OnePanel returns the route of the panels of a page, each shown by itself.
func OnePanel(path string) string { return path + "/*" }

// route returns by which route views of the page are counted, empty if they are not.
func (p Page) route() string {
	switch {
	case p.Monitoring.Script == "" || p.Index:
		return ""
	case p.Only != nil:
		return OnePanel(p.Info.Path)
	}
	return p.Info.Path
}
