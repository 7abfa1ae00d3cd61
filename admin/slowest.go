package admin

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"exchequer/views"
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
	readers := block{ID: "readers", Title: "As readers' browsers measured", Text: said("Nothing is measured in browsers: EXCHEQUER_RUM_SAMPLE is 0, or Faro gets what they measure.")}
	if p.Vitals != nil {
		report, err := p.Vitals.Slowest(ctx)
		if err != nil {
			return nil, err
		}
		readers.Text, readers.Body = nil, views.SlowestPages(report)
	}
	b := block{ID: "server", Title: "As this process answered", Columns: []string{"Address", "Requests", "p50", "p95", "p99", "Failed", "Refused"}, Empty: "No requests yet.",
		Text: said("Since " + process() + " was started, to the end of the answer, slowest 95th percentile first. Percentiles are between the bounds of the histogram in which they lie.")}
	routes, err := p.routes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes[:min(len(routes), rowsShown)] {
		failed := number(int64(r.failed))
		if r.failed > 0 {
			failed = state("bad", failed.Text)
			failed.Number = true
		}
		b.Rows = append(b.Rows, []text{code(r.name), number(int64(r.requests)), r.quantile(.5), r.quantile(.95), r.quantile(.99), failed, number(int64(r.refused))})
	}
	return []block{readers, b}, nil
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
		if x, y := a.at(.95), b.at(.95); x != y {
			return map[bool]int{true: -1, false: 1}[x > y]
		}
		return strings.Compare(a.name, b.name)
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
