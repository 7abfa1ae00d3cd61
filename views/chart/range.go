package chart

import "github.com/a-h/templ"

// Range draws where a value is between the lowest and the highest, whose texts
// stand beside the band. Class is that of the point. It is decoration beside a text
// that says the same.
func Range(low, value, high float64, lowText, highText, class string) templ.Component {
	const from, to, middle = 32.0, 68.0, 9.0
	at := (from + to) / 2
	if low, high, value = finite(low), finite(high), finite(value); high > low {
		at = from + (to-from)*min(max(value/(high-low)-low/(high-low), 0), 1)
	}
	return drawn(false, "", func(s *svg) {
		s.put(`<svg class="chart extent" height="18" aria-hidden="true">`)
		s.rect("track", 0, middle-2.5, 100, 5, "")
		s.rect("band", from, middle-2.5, to-from, 5, "")
		s.text(from, middle+4, -9, "e halo", lowText)
		s.text(to, middle+4, 9, "halo", highText)
		s.put(`<circle class="`, escape(class), `" cx="`, percent(at), `" cy="`, num(middle), `" r="4.5"/></svg>`)
	})
}
