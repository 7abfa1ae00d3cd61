package alerts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of alerts. What is counted is of this process, what is measured of
// the fleet.
type Metrics struct {
	fired      *prometheus.CounterVec
	deliveries *prometheus.CounterVec

	age, pending, failing, off *prometheus.Desc

	mu   sync.Mutex
	read []receiverMeasure
	at   *time.Time // the window that was evaluated last
}

type receiverMeasure struct {
	name     string
	pending  int
	failures int
	off      bool
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("exchequer_alerts_"+name, help, labels, nil)
	}
	m := &Metrics{
		fired:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "exchequer_alerts_fired_total", Help: "Alerts, by the kind of their rule."}, []string{"kind"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "exchequer_alerts_deliveries_total", Help: "Attempts to send an alert."}, []string{"receiver", "outcome"}),
		age:        desc("evaluated_age_seconds", "How long ago the window began that was evaluated last."),
		pending:    desc("pending", "Messages that wait for a receiver.", "receiver"),
		failing:    desc("failures", "Attempts in a row that failed.", "receiver"),
		off:        desc("receiver_off", "1: the receiver was turned off after repeated failures.", "receiver"),
	}
	registry.MustRegister(m)
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	m.fired.Describe(to)
	m.deliveries.Describe(to)
	for _, d := range []*prometheus.Desc{m.age, m.pending, m.failing, m.off} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.fired.Collect(to)
	m.deliveries.Collect(to)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at != nil {
		to <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, time.Since(*m.at).Seconds())
	}
	for _, r := range m.read {
		off := 0.0
		if r.off {
			off = 1
		}
		to <- prometheus.MustNewConstMetric(m.pending, prometheus.GaugeValue, float64(r.pending), r.name)
		to <- prometheus.MustNewConstMetric(m.failing, prometheus.GaugeValue, float64(r.failures), r.name)
		to <- prometheus.MustNewConstMetric(m.off, prometheus.GaugeValue, off, r.name)
	}
}

// Keep reads what is measured every few seconds, until ctx ends.
func (m *Metrics) Keep(ctx context.Context, db *pgxpool.Pool, log *slog.Logger) {
	const every = 10 * time.Second
	for {
		all, at, err := readMeasures(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "reading the status of alerts failed", "error", err)
		default:
			m.mu.Lock()
			m.read, m.at = all, at
			m.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func readMeasures(ctx context.Context, db *pgxpool.Pool) (all []receiverMeasure, at *time.Time, err error) {
	status, err := ReadStatus(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range status.Receivers {
		all = append(all, receiverMeasure{r.Name, r.Pending, r.Failures, r.Off != nil})
	}
	return all, status.Evaluated, nil
}
