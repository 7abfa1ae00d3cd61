package vitals

import "github.com/prometheus/client_golang/prometheus"

// metrics are those of beacons. A route of the site and a class of device are all of their
// labels, so that their number is bounded.
type metrics struct {
	lcp, inp, cls, ttfb *prometheus.HistogramVec
	errors              *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	histogram := func(name, help string, bounds ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "exchequer_rum_" + name, Help: help, Buckets: bounds}, []string{"route", "device"})
	}
	// Good, to be improved and poor are told apart by two of the bounds each.
	m := &metrics{
		lcp:  histogram("lcp_seconds", "Largest contentful paint in browsers, of the views that are sampled.", .5, 1, 1.5, 2.5, 4, 8),
		inp:  histogram("inp_seconds", "Interaction to next paint in browsers.", .05, .1, .2, .35, .5, 1),
		cls:  histogram("cls", "Cumulative layout shift in browsers.", .01, .05, .1, .15, .25, .5),
		ttfb: histogram("ttfb_seconds", "Time to the first byte in browsers.", .1, .2, .4, .8, 1.8, 4),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "exchequer_rum_script_errors_total", Help: "Failures of our scripts in browsers, of the views that are sampled.",
		}, []string{"route"}),
	}
	for _, c := range []prometheus.Collector{m.lcp, m.inp, m.cls, m.ttfb, m.errors} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) add(b *Beacon) {
	for _, of := range []struct {
		ms *float64
		to *prometheus.HistogramVec
	}{{b.LCP, m.lcp}, {b.INP, m.inp}, {b.TTFB, m.ttfb}} {
		if of.ms != nil {
			of.to.WithLabelValues(b.Route, b.Device).Observe(seconds(*of.ms))
		}
	}
	if b.CLS != nil {
		m.cls.WithLabelValues(b.Route, b.Device).Observe(min(*b.CLS, 10))
	}
	if n := len(b.Errors); n > 0 {
		m.errors.WithLabelValues(b.Route).Add(float64(n))
	}
}
