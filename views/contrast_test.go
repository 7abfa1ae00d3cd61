package views

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colours reads the pairs of the style sheet: name to light and dark.
func colours(t testing.TB) map[string][2]string {
	css, err := os.ReadFile("../static/css/frame.css")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\(#([0-9a-f]+), #([0-9a-f]+)\)`).FindAllStringSubmatch(string(css), -1) {
		all[m[1]] = [2]string{m[2], m[3]}
	}
	return all
}

// luminance is WCAG's relative luminance of a colour such as "0c6b52".
func luminance(hex string) float64 {
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	part := func(i int) float64 {
		n, _ := strconv.ParseUint(hex[i:i+2], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(0) + 0.7152*part(2) + 0.0722*part(4)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// over returns the colour of one that covers a part of another.
func over(colour, ground string, part float64) string {
	mixed := ""
	for i := 0; i < 6; i += 2 {
		a, _ := strconv.ParseUint(colour[i:i+2], 16, 8)
		b, _ := strconv.ParseUint(ground[i:i+2], 16, 8)
		mixed += fmt.Sprintf("%02x", int(math.Round(part*float64(a)+(1-part)*float64(b))))
	}
	return mixed
}

// TestNamesOverFlowsAreLegible holds the names in the diagram of flows to 4.5 where
// two flows cross below them.
func TestNamesOverFlowsAreLegible(t *testing.T) {
	css, err := os.ReadFile("../static/css/tables.css")
	if err != nil {
		t.Fatal(err)
	}
	ink := regexp.MustCompile(`\.flows text { fill: var\(--([a-z0-9-]+)\) }`).FindSubmatch(css)
	opacity := regexp.MustCompile(`\.ribbon {[^}]* fill-opacity: ([0-9.]+) }`).FindSubmatch(css)
	if ink == nil || opacity == nil {
		t.Fatal("the style sheet does not colour names and flows")
	}
	part, _ := strconv.ParseFloat(string(opacity[1]), 64)
	all := colours(t)
	for _, a := range []string{"personal", "business", "government", "system", "ink-3"} {
		for _, b := range []string{"personal", "business", "government", "system", "ink-3"} {
			for theme, name := range []string{"light", "dark"} {
				ground := over(all[a][theme], over(all[b][theme], all["paper"][theme], part), part)
				if got := contrast(all[string(ink[1])][theme], ground); got < 4.5 {
					t.Errorf("%s over %s, %s: %.2f, at least 4.5", a, b, name, got)
				}
			}
		}
	}
}

// TestContrast holds every colour that stands on another to WCAG AA, 4.5 for
// text and 3 for what is drawn, and docs/look.md to the figures.
func TestContrast(t *testing.T) {
	all := colours(t)
	note, err := os.ReadFile("../docs/look.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on    string
		of    string
		least float64
	}{
		{"paper", "ink ink-2 ink-3 accent gain loss warn", 4.5},
		{"tint", "ink ink-2 ink-3 accent", 4.5},
		{"soft", "ink ink-2", 4.5},
		{"ink", "paper", 4.5},
		{"paper", "personal business government system", 3},
	} {
		for _, name := range strings.Fields(c.of) {
			light, dark := contrast(all[name][0], all[c.on][0]), contrast(all[name][1], all[c.on][1])
			if light < c.least || dark < c.least {
				t.Errorf("%s on %s: %.2f light, %.2f dark, at least %v", name, c.on, light, dark, c.least)
			}
			row := fmt.Sprintf("| %s on %s | %.1f | %.1f |", name, c.on, light, dark)
			if !strings.Contains(string(note), row) {
				t.Errorf("docs/look.md lacks %q", row)
			}
		}
	}
}
