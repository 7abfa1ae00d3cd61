package admin

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"exchequer/views"
	"exchequer/vitals"
)

// The metrics of requests that are read.
const (
	metricDuration = "exchequer_http_request_duration_seconds"
	metricRequests = "exchequer_http_requests_total"
)

// A route is what is known of the requests of an address.
type route struct {
	name     string
	requests uint64
	failed   float64 // answered with 500 or more
	refused  float64 // with 429
	buckets  []*dto.Bucket
}

// slowest is the page of the routes that take longest: for readers, as their browsers
// measured it, and for the server.
func (p *Pages) slowest(ctx context.Context, _ url.Values) ([]block, error) {
	readers := block{ID: "readers", Title: "In readers' browsers", Text: said("Nothing is measured here: EXCHEQUER_RUM_SAMPLE is 0, or browsers send what they measure to Faro.")}
	var failed []block
	if p.Vitals != nil {
		report, err := p.Vitals.Slowest(ctx)
		if err != nil {
			return nil, err
		}
		readers = p.measured(report)
		if len(report.Errors) > 0 {
			failed = []block{p.scripts(report.Errors)}
		}
	}
	b := block{ID: "server", Title: "On this server", Columns: []string{"Address", "Requests", "p50", "p95", "p99", "Failed", "Refused"}, Empty: "No requests yet.",
		Text: said("Time to the end of the answer, in this process (" + process() + ") since it was started, the slowest first. p95: 95 of 100 requests took no longer; these times are estimates.")}
	routes, err := p.routes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes[:min(len(routes), rowsShown)] {
		name := code(r.name)
		if r.name == "none" {
			name = plain("no such page")
		}
		failed := number(int64(r.failed))
		if r.failed > 0 {
			failed = state("bad", failed.Text)
			failed.Number = true
		}
		b.Rows = append(b.Rows, []text{name, number(int64(r.requests)), r.quantile(.5), r.quantile(.95), r.quantile(.99), failed, number(int64(r.refused))})
	}
	return append([]block{readers, b}, failed...), nil
}

// measured is the block of what browsers measured, the slowest page first.
func (p *Pages) measured(report *vitals.Report) block {
	b := block{
		ID: "readers", Title: "In readers' browsers", Columns: []string{"Page", "Readers", "Views", "LCP", "INP", "CLS", "TTFB", "Server", "Slower since"}, Empty: "No browser has sent anything yet.",
		Text: said("Three of four views since "+views.Moment(report.Since, p.Settings())+" were no slower than this; of the views that were sampled.",
			"LCP: until the largest part was seen. INP: until the page answered a click or a key. CLS: how far things jumped. TTFB: until the first byte came. Server: what of it the server took."),
	}
	for _, page := range report.Pages {
		all := []text{code(page.Route), plain("all"), number(page.Views)}
		b.Rows = append(b.Rows, append(append(all, measures(page.Measures)...), rated(page.Server, .2, 1, took), p.slower(page.Slower)))
		if len(page.By) < 2 {
			continue
		}
		for _, by := range page.By {
			readers := by.Device
			if by.Connection == "slow" {
				readers += ", slow connection"
			}
			part := []text{plain(""), plain(readers), number(by.Views)}
			b.Rows = append(b.Rows, append(append(part, measures(by.Measures)...), text{Number: true}, plain("")))
		}
	}
	return b
}

// measures returns those of a row, in the order of its columns. The bounds are those of
// web.dev/vitals.
func measures(m vitals.Measures) []text {
	shift := func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
	return []text{rated(m.LCP, 2.5, 4, took), rated(m.INP, .2, .5, took), rated(m.CLS, .1, .25, shift), rated(m.TTFB, .8, 1.8, took)}
}

// rated returns a measure, with a state if it is worse than good.
func rated(value *float64, good, poor float64, written func(float64) string) text {
	if value == nil {
		return text{Text: "–", Number: true}
	}
	t := text{Text: written(*value), Number: true}
	switch {
	case *value > poor:
		t.State = "bad"
	case *value > good:
		t.State = "watch"
	}
	return t
}

// took returns seconds as operators read them: "0.48 s", "48 ms".
func took(seconds float64) string {
	if seconds < .1 {
		return fmt.Sprintf("%.0f ms", 1000*seconds)
	}
	return fmt.Sprintf("%.2f s", seconds)
}

func (p *Pages) slower(s *vitals.Slower) text {
	if s == nil {
		return plain("")
	}
	since := views.Moment(s.Since, p.Settings()) + ", was " + took(s.Before)
	if s.Version != "" {
		since += "; with version " + s.Version
	}
	return state("watch", since)
}

// scripts is the block of failures of scripts.
func (p *Pages) scripts(errors []vitals.SeenError) block {
	b := block{ID: "scripts", Title: "Scripts that failed", Columns: []string{"What", "Where", "Times", "First", "Last", "Version"}}
	for _, e := range errors {
		b.Rows = append(b.Rows, []text{plain(e.Message), plain(e.Place + " on " + e.Route), number(e.Seen), p.at(&e.First, ""), p.at(&e.Last, ""), plain(e.Version)})
	}
	return b
}

// routes returns what this process counted, slowest first.
func (p *Pages) routes() ([]*route, error) {
	families, err := p.Requests.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	by := map[string]*route{}
	of := func(m *dto.Metric) *route {
		name := label(m, "route")
		if by[name] == nil {
			by[name] = &route{name: name}
		}
		return by[name]
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch family.GetName() {
			case metricDuration:
				r := of(m)
				r.requests, r.buckets = m.GetHistogram().GetSampleCount(), m.GetHistogram().GetBucket()
			case metricRequests:
				if status := label(m, "status"); strings.HasPrefix(status, "5") {
					of(m).failed += m.GetCounter().GetValue()
				} else if status == "429" {
					of(m).refused += m.GetCounter().GetValue()
				}
			}
		}
	}
	all := make([]*route, 0, len(by))
	for _, r := range by {
		if r.requests > 0 {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *route) int {
		return cmp.Or(cmp.Compare(b.at(.95), a.at(.95)), cmp.Compare(a.name, b.name))
	})
	return all, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// at returns a quantile in seconds: linear between the bounds of its bucket, infinite past
// the last.
func (r *route) at(q float64) float64 {
	rank := q * float64(r.requests)
	var below, bound float64
	for _, b := range r.buckets {
		count := float64(b.GetCumulativeCount())
		if count >= rank && count > below && !math.IsInf(b.GetUpperBound(), 1) {
			return bound + (b.GetUpperBound()-bound)*(rank-below)/(count-below)
		}
		if !math.IsInf(b.GetUpperBound(), 1) {
			below, bound = count, b.GetUpperBound()
		}
	}
	return math.Inf(1)
}

func (r *route) quantile(q float64) text {
	v := r.at(q)
	if math.IsInf(v, 1) {
		return text{Text: "more than 10 s", Number: true}
	}
	if v < .01 {
		return text{Text: fmt.Sprintf("%.1f ms", 1000*v), Number: true}
	}
	return text{Text: fmt.Sprintf("%.0f ms", 1000*v), Number: true}
}
