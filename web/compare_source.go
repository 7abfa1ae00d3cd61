package web

import (
	"context"
	"sync"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/views"
)

// comparing is the reading of a comparison: one memo's values for each of its
// series, put side by side.
type comparing struct {
	series       *cache.Memo[aggregates.SeriesQuery, *aggregates.Series]
	market, flow opener // for comparisons to begin with
}

func (s *server) newComparing() *comparing {
	return &comparing{s.API.Series, readMemo(s.API.Market, byTrade, views.DaysParam), readMemo(s.API.Flow, byDays, views.DaysParam)}
}

func (c *comparing) open(p views.Params) source {
	refs := aggregates.ParseSeries(p.Get(views.SeriesParam))
	if len(refs) == 0 {
		return &joinedSource{parts: []source{c.market.open(p), c.flow.open(p)}, join: func(values []any) any {
			return aggregates.ReadyComparisons(values[0].(*aggregates.Market), values[1].(*aggregates.Flow))
		}}
	}
	form := aggregates.ParseForm(p.Get(views.FormParam))
	if form == aggregates.PerHead {
		refs = append(refs, aggregates.SeriesRef{Kind: aggregates.SeriesHolders})
	}
	joined := &joinedSource{join: func(values []any) any {
		var all []*aggregates.Series
		for _, v := range values {
			all = append(all, v.(*aggregates.Series))
		}
		if last := len(all) - 1; form == aggregates.PerHead {
			return aggregates.Compare(form, all[:last], all[last])
		}
		return aggregates.Compare(form, all, nil)
	}}
	for _, r := range refs {
		joined.parts = append(joined.parts, &memoSource[aggregates.SeriesQuery, *aggregates.Series]{
			memo: c.series, p: aggregates.NewSeriesQuery(r, byPopulation(p), byDays(p)),
		})
	}
	return joined
}

// A joinedSource is several sources whose values make one. It has a value if all of
// them have.
type joinedSource struct {
	parts  []source
	join   func(values []any) any
	joined any // once it was made
}

func (j *joinedSource) get(ctx context.Context) {
	var running sync.WaitGroup
	getAll(ctx, &running, j.parts)
	running.Wait()
}

func (j *joinedSource) peek() {
	for _, part := range j.parts {
		part.peek()
	}
}

func (j *joinedSource) settled() bool {
	for _, part := range j.parts {
		if !part.settled() {
			return false
		}
	}
	return true
}

func (j *joinedSource) empty() bool {
	for _, part := range j.parts {
		if part.empty() {
			return true
		}
	}
	return false
}

func (j *joinedSource) failure() error {
	for _, part := range j.parts {
		if err := part.failure(); err != nil {
			return err
		}
	}
	return nil
}

func (j *joinedSource) valued() bool { return j.failure() == nil }

func (j *joinedSource) version() uint64 { return versionOf(j.parts) }

func (j *joinedSource) clock(c *views.Clock) {
	for _, part := range j.parts {
		if part.settled() {
			part.clock(c)
		}
	}
}

func (j *joinedSource) window() time.Duration {
	shortest := j.parts[0].window()
	for _, part := range j.parts {
		shortest = min(shortest, part.window())
	}
	return shortest
}

// result returns the joined value with the times of the oldest of its parts, and
// their worst state.
func (j *joinedSource) result() result {
	var all result
	var values []any
	for _, part := range j.parts {
		r := part.result()
		if r.Missing != "" {
			return result{Status: views.Status{Missing: r.Missing}}
		}
		values = append(values, r.value)
		if r.AsOf.IsZero() { // there is no such thing
			continue
		}
		if all.AsOf.IsZero() || r.AsOf.Before(all.AsOf) {
			all.AsOf = r.AsOf
		}
		if all.Next.IsZero() || r.Next.Before(all.Next) {
			all.Next = r.Next
		}
		if r.State > all.State {
			all.State, all.Reason = r.State, r.Reason
		}
	}
	if j.joined == nil {
		if err := safely(func() error { j.joined = j.join(values); return nil }); err != nil { // values that cannot be right
			return result{Status: views.Status{Missing: textUndrawn}}
		}
	}
	all.value = j.joined
	return all
}
