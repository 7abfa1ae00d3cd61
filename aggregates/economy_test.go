package aggregates

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/cache"
)

func TestThePanelsOfAPageShareOneBoundary(t *testing.T) {
	db, _ := village(t)
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "test:1", Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	e := NewEconomy(c, db)
	o, err := e.Overview.Get(t.Context(), 30)
	if err != nil || *o.Value.Supply.Now != sumOf(1040) {
		t.Fatalf("overview: %+v, %v", o.Value, err)
	}
	v, err := e.Inequality.Get(t.Context(), InequalityQuery{Population: PopulationPrivate})
	if err != nil || v.Value.Population != PopulationPrivate || v.Value.Total != sumOf(330) {
		t.Errorf("inequality: %+v, %v", v.Value, err)
	}
	a, err := e.Activity.Get(t.Context(), 7)
	if err != nil || len(a.Value.Buckets) != 7 {
		t.Errorf("activity: %+v, %v", a.Value, err)
	}
	k, err := e.WealthByKind.Get(t.Context(), NoParams{})
	if err != nil || k.Value.Supply != sumOf(1040) {
		t.Errorf("wealth by kind: %+v, %v", k.Value, err)
	}
	r, err := e.Rhythm.Get(t.Context(), 365)
	if err != nil || r.Value.Days != "365" || r.Value.Peak == 0 {
		t.Errorf("rhythm: %+v, %v", r.Value, err)
	}
	l, err := e.Richest.Get(t.Context(), NoParams{})
	if err != nil || l.Value.Count != 6 {
		t.Errorf("richest: %+v, %v", l.Value, err)
	}
	for _, next := range []time.Time{o.Next, v.Next, a.Next, k.Next, r.Next, l.Next} {
		if next.Sub(next.Truncate(30*time.Second)) != 0 {
			t.Errorf("next refresh at %s, which is no boundary of 30 s", next)
		}
	}
}
