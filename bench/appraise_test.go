package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/web"
)

// BenchmarkAppraise answers lists of 500 lines against 5,000 items: the budget is
// 200 ms a list. Posted: a list of names that are known, read from the form. Page: the
// same at its address, every time for the first time. Mistyped: every name is searched
// for among those that are like it. Matcher: what is made of new prices, once.
func BenchmarkAppraise(b *testing.B) {
	handler, all := appraiser(b)
	ask := func(b *testing.B, status int, r *http.Request) *httptest.ResponseRecorder {
		b.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != status {
			b.Fatalf("%s: status %d", r.URL.Path, w.Code)
		}
		return w
	}
	post := func(list string) *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/appraise", strings.NewReader(url.Values{"list": {list}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	var known, mistyped strings.Builder
	for n := range aggregates.MostWanted {
		if n > 0 { // a line is left for what makes each address another one
			fmt.Fprintf(&known, "%d %s\n", n, all.Items[n*9].Name)
		}
		fmt.Fprintf(&mistyped, "carved ok plnak nubmer %d of the north\tx%d\n", n*9, n+1)
	}
	measure := func(b *testing.B, run func(n int)) {
		run(0)
		var took []time.Duration
		n := 0
		for b.Loop() {
			n++
			took = append(took, timed(func() { run(n) }))
		}
		b.ReportMetric(ms(median(took)), "ms/list")
		b.ReportMetric(0, "ns/op")
	}
	address := ask(b, http.StatusSeeOther, post(known.String())).Header().Get("Location")
	b.Run("posted", func(b *testing.B) {
		measure(b, func(int) { ask(b, http.StatusSeeOther, post(known.String())) })
	})
	b.Run("page", func(b *testing.B) {
		measure(b, func(n int) {
			ask(b, http.StatusOK, httptest.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf("%s~none:%d", address, n+1), http.NoBody))
		})
	})
	b.Run("mistyped", func(b *testing.B) {
		measure(b, func(int) { ask(b, http.StatusOK, post(mistyped.String())) })
	})
	b.Run("matcher", func(b *testing.B) {
		measure(b, func(int) { aggregates.NewMatcher(all.Items) })
	})
}

// appraiser is a site with 5,000 made-up items.
func appraiser(b *testing.B) (http.Handler, *aggregates.AllPrices) {
	b.Helper()
	now := time.Now()
	all := &aggregates.AllPrices{Basis: basis(0, now.AddDate(-1, 0, 0), now), Count: 5000}
	for n := range 5000 {
		value, pieces := float64(100+n), int64(n%200)
		i := aggregates.QuotedItem{
			PricedItem: aggregates.PricedItem{ID: fmt.Sprintf("m:%x", n), Name: fmt.Sprintf("Carved Oak Plank Number %d of the North", n)},
			Ask:        &aggregates.BestOffer{Price: int64(120+n) * 64, Batch: 64, Pieces: &pieces, Seen: now},
			Bid:        &aggregates.BestOffer{Price: int64(80 + n), Batch: 1, Seen: now},
		}
		i.Price = aggregates.Price{Value: &value, Basis: "7", Sales: 40, Traders: 9, LastAt: &now, Low: &value, High: &value, Spread: &value, Confidence: aggregates.Firm}
		all.Items = append(all.Items, i)
	}
	registry := prometheus.NewRegistry()
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "bench:1", Log: slog.New(slog.DiscardHandler), Registerer: registry})
	api := aggregates.NewAPI(c, nil)
	api.Prices = cache.NewMemo(c, cache.Spec{Name: "prices.made", Window: time.Hour},
		func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.AllPrices, error) {
			return all, nil
		})
	handler, err := web.New(web.Deps{
		Economy: madeEconomy(c), API: api, Soundness: aggregates.NewSoundnessMemos(context.Background(), c, nil, nil), Cache: c,
		Settings: func() ledger.Settings { return ledger.Settings{Name: "Port Bench", Symbol: "₤", Decimals: 2} },
		Log:      slog.New(slog.DiscardHandler), Registry: registry, Version: "bench",
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = c.Close(ctx)
	})
	return handler, all
}
