package chart

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the drawings that tests compare with")

func numbers(values []float64) []string {
	labels := make([]string, len(values))
	for i, v := range values {
		labels[i] = strconv.FormatFloat(v, 'g', 3, 64)
	}
	return labels
}

func columns(values ...float64) Columns {
	c := Columns{About: About{Title: "Columns"}, Ticks: numbers, Labels: func(float64) []Label { return nil }, Empty: "nothing"}
	for i, v := range values {
		c.Values = append(c.Values, Column{Value: v, Tip: fmt.Sprint(v), Written: fmt.Sprintf("%d: %.3g", i, v)})
	}
	return c
}

func days(n int) Columns {
	var values []float64
	var starts []time.Time
	for i := range n {
		values = append(values, 100+80*math.Sin(float64(i)))
		starts = append(starts, time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i))
	}
	c := columns(values...)
	c.Values[n-1].Name, c.Values[n-1].Partial = "today", true
	c.Labels = DateLabels(starts, "day")
	return c
}

func curve(power float64) Lorenz {
	l := Lorenz{About: About{ID: "lorenz", Title: "Lorenz"}, Top: &Top{0.9, "richest 10 % hold 40 %"}, Empty: "nothing",
		Tip: func(p Point) string { return fmt.Sprintf("%.2f %.2f", p.X, p.Y) }}
	for i := range 11 {
		x := float64(i) / 10
		l.Points = append(l.Points, Point{x, math.Pow(x, power)})
	}
	return l
}

func week() Heatmap {
	h := Heatmap{About: About{Title: "Week"}, Peak: 24, Foot: []Label{{At: 0, Text: "00:00"}, {At: 12, Text: "12:00"}}}
	for d := range 7 {
		row := HeatRow{Name: "Day", Tip: fmt.Sprint("day ", d)}
		for hour := range 24 {
			row.Cells = append(row.Cells, HeatCell{Value: float64(hour * d / 6), Tip: fmt.Sprint(hour)})
		}
		h.Rows = append(h.Rows, row)
	}
	return h
}

// drawings are charts whose every stroke is compared with what was approved.
func drawings() map[string]templ.Component {
	peaks := days(30)
	peaks.Values[0].Value, peaks.Values[1].Value, peaks.Values[9].Value = 9000, 8000, 7000
	histogram := columns(3, 90, 8, 12, 14, 11, 7, 5, 3, 2, 1)
	histogram.Joined, histogram.Mark = true, &Mark{1.8, "median £1"}
	debt := curve(8)
	for i := range debt.Points {
		debt.Points[i].Y -= 0.3 * math.Sin(debt.Points[i].X*math.Pi)
	}
	flagged := days(30)
	flagged.Flags = []Flag{{1, 0, 3, true, "A fair & a feast"}, {2, 9, 9, false, "A tax"}, {3, 9, 9, true, "An outage"}, {4, 11, 20, true, "A festival"}, {5, 29, 29, false, "A fee"}}
	return map[string]templ.Component{
		"columns-flagged":   flagged.Draw(),
		"columns-7":         days(7).Draw(),
		"columns-30":        days(30).Draw(),
		"columns-90":        days(90).Draw(),
		"columns-one":       days(1).Draw(),
		"columns-none":      columns().Draw(),
		"columns-zero":      columns(0, 0, 0).Draw(),
		"columns-equal":     columns(5, 5, 5).Draw(),
		"columns-negative":  columns(-3, 4, -9, 2, 0).Draw(),
		"columns-outliers":  peaks.Draw(),
		"columns-joined":    histogram.Draw(),
		"columns-huge":      columns(math.MaxInt64, math.MinInt64, 0).Draw(),
		"lorenz":            curve(3).Draw(),
		"lorenz-equal":      curve(1).Draw(),
		"lorenz-one-has-it": curve(400).Draw(),
		"lorenz-debt":       debt.Draw(),
		"heatmap":           week().Draw(),
		"heatmap-none":      Heatmap{Empty: "nothing"}.Draw(),
		"strip":             Strip{{Value: 100, Class: "personal", Tip: "£100\nPersonal"}, {Value: -40, Class: "government"}, {Value: 50, Class: "business"}}.Draw(),
		"dots":              asks(34, 36.5, 37, 38, 38, 38.5, 39, 39, 40, 41, 46).Draw(),
		"dots-one":          asks(5, 5).Draw(),
		"dots-far":          asks(34, 36, 38, 40, 150, 900).Draw(),
		"dots-none":         asks().Draw(),
		"inline":            Inline(0.63),
		"spark":             Spark([]float64{1, 5, 2, 2, 9}),
		"spark-level":       Spark([]float64{3, 3, 3}),
		"spark-one":         Spark([]float64{3}),
	}
}

func draw(t interface{ Fatal(...any) }, c templ.Component) string {
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDrawingsAreAsApproved(t *testing.T) {
	for name, c := range drawings() {
		got := strings.ReplaceAll(draw(t, c), "><", ">\n<") + "\n"
		path := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-approved +drawn), -update approves it:\n%s", name, diff)
		}
		if bad := faults(got); bad != "" {
			t.Errorf("%s: %s", name, bad)
		}
	}
}

// value draws any number at all, and the awkward ones often.
func value() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.SampledFrom([]float64{0, 1, -1, math.MaxInt64, math.MinInt64, math.NaN(), math.Inf(1), math.Inf(-1), 1e-9, 0.1}),
		rapid.Float64Range(-1e6, 1e6), rapid.Float64Range(0, 1e19), rapid.Float64Range(-1e19, 0),
	)
}

func TestAnyValuesAreDrawnWithinTheFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(value(), 0, 100).Draw(t, "values")
		c := columns(values...)
		c.Joined = rapid.Bool().Draw(t, "joined")
		if len(values) > 0 {
			c.Mark = &Mark{rapid.Float64Range(0, float64(len(values))).Draw(t, "mark"), "median £1"}
			c.Values[len(values)-1].Name = "this month"
			c.Flags = flags(t, len(values))
		}
		var strip Strip
		l := Lorenz{Top: &Top{0.9, "richest"}, Tip: func(Point) string { return "" }}
		h := Heatmap{Peak: rapid.Float64().Draw(t, "peak"), Rows: []HeatRow{{Name: "Mon"}}}
		for i, v := range values {
			strip = append(strip, Part{Value: v})
			l.Points = append(l.Points, Point{float64(i) / float64(max(len(values)-1, 1)), v / 1e18})
			h.Rows[0].Cells = append(h.Rows[0].Cells, HeatCell{Value: v})
		}
		for _, drawn := range []templ.Component{c.Draw(), strip.Draw(), l.Draw(), h.Draw(), Spark(values), Inline(math.NaN())} {
			svg := draw(t, drawn)
			if bad := faults(svg); bad != "" {
				t.Fatalf("%s in %s", bad, svg)
			}
		}
	})
}

func TestTicksCoverTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(value(), 1, 20).Draw(t, "values")
		least := rapid.SampledFrom([]float64{0, 1}).Draw(t, "least")
		sc := newScale(ordinary, values, 4, least)
		low, high := sc.ticks[0], sc.ticks[len(sc.ticks)-1]
		for _, v := range values {
			if v = finite(v); v < low-1e-9*(high-low) || v > high+1e-9*(high-low) {
				t.Fatalf("%v is beyond the ticks %v", v, sc.ticks)
			}
		}
		if !slices.Contains(sc.ticks, 0) {
			t.Fatalf("no tick at zero: %v", sc.ticks)
		}
		if n := len(sc.ticks); n < 2 || n > 9 {
			t.Fatalf("%d ticks: %v", n, sc.ticks)
		}
	})
}

func TestTicksAreRoundNumbers(t *testing.T) {
	for _, c := range []struct {
		values []float64
		least  float64
		want   []float64
	}{
		{[]float64{2.03}, 0, []float64{0, 0.5, 1, 1.5, 2, 2.5}},
		{[]float64{1}, 1, []float64{0, 1}},
		{[]float64{3}, 1, []float64{0, 1, 2, 3}},
		{[]float64{0}, 1, []float64{0, 1}},
		{[]float64{-9, 4}, 1, []float64{-10, -5, 0, 5}},
		{[]float64{480}, 1, []float64{0, 100, 200, 300, 400, 500}},
	} {
		if diff := cmp.Diff(c.want, newScale(ordinary, c.values, 4, c.least).ticks); diff != "" {
			t.Errorf("ticks of %v (-want +got):\n%s", c.values, diff)
		}
	}
}

func TestOneTallColumnDoesNotFlattenTheRest(t *testing.T) {
	rest := []float64{10, 12, 9, 11, 20, 10, 9, 8, 11}
	with := func(more ...float64) []float64 { return append(slices.Clone(rest), more...) }
	for _, c := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"nothing towers", with(21), math.Inf(1)},
		{"one towers", with(300), 20},
		{"a deep one towers as well", with(-300), 20},
		{"one is twice another, of nine", with(41)[1:], math.Inf(1)},
		{"one towers, of nine", with(500)[1:], 20},
		{"one of three is no exception", []float64{1, 2, 500}, math.Inf(1)},
		{"two tower, of twenty", append([]float64{500, 400}, slices.Repeat([]float64{10}, 18)...), 10},
		{"three columns among days without activity", append([]float64{12.5, 1200, 5000}, make([]float64, 27)...), math.Inf(1)},
		{"one value among nothing is no exception", []float64{0, 0, 0, 0, 7}, math.Inf(1)},
	} {
		if got := outliers(c.values); got != c.want {
			t.Errorf("%s: limit %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDateLabelsFitAndNameTheLargerUnit(t *testing.T) {
	from := time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC)
	texts := func(n, months int, bucket string, width float64) string {
		var starts []time.Time
		for i := range n {
			switch bucket {
			case "year":
				starts = append(starts, time.Date(1900+i, 1, 1, 0, 0, 0, 0, time.UTC))
			case "decade":
				starts = append(starts, time.Date(1060+10*i, 1, 1, 0, 0, 0, 0, time.UTC))
			case "month":
				starts = append(starts, time.Date(2023, time.Month(4+i), 1, 0, 0, 0, 0, time.UTC))
			case "week":
				starts = append(starts, from.AddDate(0, 0, -3+7*i))
			default:
				starts = append(starts, from.AddDate(0, 0, i))
			}
		}
		var all []string
		for _, l := range DateLabels(starts, bucket)(width) {
			all = append(all, l.Text)
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		got, want string
	}{
		{texts(7, 0, "day", 512), "22 Oct, 23, 24, 25, 26, 27, 28"},
		{texts(30, 0, "day", 512), "26 Oct, 2 Nov, 9, 16"},
		{texts(90, 0, "day", 512), "26 Oct, 9 Nov, 23, 7 Dec, 21, 4 Jan, 18"},
		{texts(40, 0, "month", 512), "2024, 2025, 2026"},
		{texts(240, 0, "month", 512), "2025, 2030, 2035, 2040"},
		{texts(127, 0, "year", 512), "1900, 1920, 1940, 1960, 1980, 2000, 2020"},
		{texts(127, 0, "year", 272), "1900, 1950, 2000"},
		{texts(97, 0, "decade", 512), "1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900, 2000"},
		{texts(97, 0, "decade", 272), "1200, 1400, 1600, 1800, 2000"},
		{texts(1, 0, "day", 512), "22 Oct"},
		{texts(0, 0, "day", 512), ""},
	} {
		if c.got != c.want {
			t.Errorf("labels %q, want %q", c.got, c.want)
		}
	}
	if got := texts(53, 0, "week", 512); !strings.Contains(got, "2027") {
		t.Errorf("labels of a year of weeks %q do not name the year", got)
	}
}

func TestAShallowDipTakesNoRoom(t *testing.T) {
	for dip, want := range map[float64]bool{-0.001: false, -0.019: false, -0.1: true} {
		l := curve(3)
		l.Points[1].Y = dip
		if got := strings.Contains(draw(t, l.Draw()), "\u2212"); got != want {
			t.Errorf("a dip of %v has a tick below zero: %v, want %v", dip, got, want)
		}
	}
}

func TestTheNameOfAColumnStandsBelowIt(t *testing.T) {
	c := days(30)
	for _, width := range []float64{narrow, wide} {
		foot := c.foot(ordinary, width)
		if foot[0].text != "today" || foot[0].to < width*29/30 {
			t.Errorf("at %v px the last column is named %+v", width, foot[0])
		}
		for i, a := range foot {
			for _, b := range foot[i+1:] {
				if a.touches(b) {
					t.Errorf("at %v px %q touches %q", width, a.text, b.text)
				}
			}
		}
	}
}

func TestAReasonIsTextThatWraps(t *testing.T) {
	for _, c := range []templ.Component{columns().Draw(), Lorenz{Empty: "nothing"}.Draw(), Heatmap{Empty: "nothing"}.Draw()} {
		if got := draw(t, c); got != `<p class="nothing">nothing</p>` {
			t.Errorf("a chart without values is %s", got)
		}
	}
}

var tips = regexp.MustCompile(`(data-tip|aria-label)="[^"]*"`)

// faults says what is wrong with drawings: what is no XML, no number, or
// beyond its frame.
func faults(drawn string) string {
	if bare := tips.ReplaceAllString(drawn, ""); strings.Contains(bare, "NaN") || strings.Contains(bare, "Inf") {
		return "something that is no number"
	}
	drawn = strings.ReplaceAll(drawn, " data-steps", "")
	dec := xml.NewDecoder(strings.NewReader("<root>" + drawn + "</root>"))
	height := 0.0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		at := map[string]float64{}
		for _, a := range start.Attr {
			switch a.Name.Local {
			case "x", "x1", "x2", "cx", "y", "y1", "y2", "cy", "width", "height":
				v, err := strconv.ParseFloat(strings.TrimSuffix(a.Value, "%"), 64)
				if err != nil || v < 0 {
					return a.Name.Local + " is " + a.Value
				}
				if a.Name.Local != "width" || strings.HasSuffix(a.Value, "%") {
					at[a.Name.Local] = v
				}
			}
		}
		if start.Name.Local == "svg" {
			height = max(height, at["height"])
			continue
		}
		const hair = 1.2
		for _, name := range []string{"x", "x1", "x2", "cx"} {
			if at[name]+at["width"] > 100+0.5 {
				return fmt.Sprintf("%s at %v, beyond the right", name, at[name]+at["width"])
			}
		}
		for _, name := range []string{"y", "y1", "y2", "cy"} {
			if at[name]+at["height"] > height+hair {
				return fmt.Sprintf("%s at %v, beyond %v", name, at[name]+at["height"], height)
			}
		}
	}
}

func TestAClassIsNoMarkup(t *testing.T) {
	const class = `/></svg><meta http-equiv="refresh" content="0;url=http://127.0.0.1/phish">`
	drawn := draw(t, Strip{{Value: 1, Class: class}}.Draw())
	var s svg
	s.text(0, 0, 0, class, "label")
	if drawn += s.String(); strings.Contains(drawn, "<meta") || strings.Count(drawn, "&lt;meta") != 2 {
		t.Errorf("a class has become markup: %s", drawn)
	}
}
