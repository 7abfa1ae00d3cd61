package views

// ThemeCSS returns "/theme.css", which every page links after its style sheet. It
// alone differs between visitors. The theme is "light" or "dark"; any other
// follows the system. The switch in the head of the page posts theme (light, dark,
// system) and back (an address of this site) to "/theme".
func ThemeCSS(theme string) string {
	switch theme {
	case "light", "dark":
		return ":root{color-scheme:" + theme + "}.theme-" + theme + "{" + chosen + "}.theme-" + theme + " .chosen{display:inline}"
	default:
		return ".theme-system{" + chosen + "}.theme-system .chosen{display:inline}"
	}
}

const chosen = "color:var(--ink);text-decoration:underline 2px var(--accent);text-underline-offset:5px"
