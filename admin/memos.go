package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"exchequer/cache"
	"exchequer/views"
)

// mostKeys is how many keys of this process are looked at for one page.
const mostKeys = 1000

// A memoState is what this process has of the keys of a memo.
type memoState struct {
	keys, refreshing int
	oldest           cache.Seconds
	by               map[string]int // keys by their state
	why              string         // the last reason of one that is degraded
}

// states returns them by memo, and reports whether there are more keys.
func states(c *cache.Cache) (map[string]*memoState, bool, error) {
	keys, err := c.Keys(cache.KeyQuery{Limit: mostKeys})
	if err != nil {
		return nil, false, err
	}
	all := map[string]*memoState{}
	for _, k := range keys.Keys {
		s := all[k.Memo]
		if s == nil {
			s = &memoState{by: map[string]int{}}
			all[k.Memo] = s
		}
		s.keys++
		s.by[k.State]++
		if k.Refreshing {
			s.refreshing++
		}
		s.oldest = max(s.oldest, k.Age)
		s.why = cmp.Or(s.why, k.Reason)
	}
	return all, keys.Total > len(keys.Keys), nil
}

// text returns the state of a memo's keys: the worst, and of how many.
func (s *memoState) text() text {
	if s == nil || s.keys == 0 {
		return plain("empty")
	}
	for _, bad := range []string{"degraded", "forbidden"} {
		if n := s.by[bad]; n > 0 {
			return state("bad", fmt.Sprintf("%s, %d of %d", bad, n, s.keys))
		}
	}
	if n := s.by["stale"]; n > 0 {
		return plain(fmt.Sprintf("stale, %d of %d", n, s.keys))
	}
	if s.by["fresh"] == 0 {
		return plain("empty")
	}
	return state("good", "fresh")
}

// memos is the page about the cache.
func (p *Pages) memos(ctx context.Context, _ url.Values) ([]block, error) {
	stats, health := p.Cache.Stats(ctx), p.Cache.Health()
	held, more, err := states(p.Cache)
	if err != nil {
		return nil, err
	}
	how := block{ID: "shared", Title: "This process and the shared level", Half: true, Facts: []fact{
		{Name: "Process", Value: code(stats.Process.Name)},
		{Name: "Values", Value: plain(fmt.Sprintf("%s, %s of %s", views.Count(int64(stats.Process.Values)), views.Bytes(stats.Process.Bytes), views.Bytes(stats.Process.Limit)))},
		{Name: "Shared level", Value: sharedState(stats.Shared.SharedHealth)},
		{Name: "Clock", Value: plain(clock(health.ClockOffset.Duration()))},
		{Name: "Counts since", Value: p.at(&stats.Since, "")},
	}}
	if s := stats.Shared.Server; s != nil {
		how.Facts = append(how.Facts, fact{Name: "Redis", Value: plain(joined(s.Mode+" "+s.Version, views.Bytes(s.UsedMemory)+" of "+limit(s.MaxMemory), s.Eviction, fmt.Sprintf("ping %.1f ms", 1000*float64(s.Ping)), s.Unknown))})
	}
	table := block{ID: "memos", Title: "Memos", Columns: []string{"Memo", "State", "Oldest", "Hit ratio, 5 min", "Reads, 5 min", "Keys in use", "Running or waiting", "Runs", "Failed", "Run, p95", "Circuit", "Last error"}}
	if more {
		table.Text = said(fmt.Sprintf("State and age are of the first %d keys of this process.", mostKeys))
	}
	for _, m := range stats.Memos {
		s := held[m.Memo]
		if s == nil {
			s = &memoState{}
		}
		oldest := ""
		if s.keys > 0 {
			oldest = age(s.oldest.Duration())
		}
		table.Rows = append(table.Rows, []text{
			link(m.Memo, address(pathCache+"/memo", "name", m.Memo)), s.text(), plain(oldest), ratio(m.HitRatio), number(int64(m.Asked)), number(m.Keys),
			number(s.refreshing), number(int64(m.Refreshes)), number(int64(m.Failures)), seconds(m.Producer.P95), circuit(m.Circuit), plain(s.why),
		})
	}
	return []block{how, p.cacheForms(), table}, nil
}

// clock returns how the clock of this process stands to that of the fleet.
func clock(behind time.Duration) string {
	switch ms := behind.Milliseconds(); {
	case ms > 0:
		return fmt.Sprintf("%d ms behind the fleet's, which is corrected for", ms)
	case ms < 0:
		return fmt.Sprintf("%d ms ahead of the fleet's, which is corrected for", -ms)
	}
	return "that of the fleet"
}

func limit(n int64) string {
	if n == 0 {
		return "no limit"
	}
	return views.Bytes(n)
}

// sharedState returns how the shared level stands.
func sharedState(s cache.SharedHealth) text {
	if s.Down {
		return state("bad", fmt.Sprintf("%s has been down for %s: %s", s.Kind, ago(s.DownSince), s.Reason))
	}
	return state("good", s.Kind)
}

func ratio(r *float64) text {
	if r == nil {
		return text{Text: "–", Number: true}
	}
	return text{Text: views.Percent(*r), Number: true}
}

func seconds(s cache.Seconds) text {
	if s == 0 {
		return text{Text: "–", Number: true}
	}
	return text{Text: fmt.Sprintf("%.0f ms", 1000*float64(s)), Number: true}
}

func circuit(is string) text {
	if is == "closed" {
		return plain(is)
	}
	return state("bad", is)
}

var hows = []views.Option{{Value: "soft", Text: "soft: shown until newer ones are there"}, {Value: "hard", Text: "hard: never shown again"}}

var scopes = []views.Option{
	{Value: "memo", Text: "all values of a memo"}, {Value: "key", Text: "one value: MEMO:PARAMS"}, {Value: "tag", Text: "the memos of a tag"},
	{Value: "pattern", Text: "memos whose names match: economy.*"}, {Value: "tenant", Text: "everything of this deployment"},
}

func (p *Pages) cacheForms() block {
	return block{ID: "do", Title: "Actions", Half: true, Forms: []form{
		invalidateForm(url.Values{}), lookUpForm(""),
	}, More: []text{doing("Warm the cache", "job.start", "job", JobWarm), doing("Reset the counts", "cache.reset"), doing("Test the shared level", "cache.test")}}
}

func invalidateForm(in url.Values) form {
	return form{Action: pathDo + "cache.invalidate", Button: "Invalidate", Fields: []field{
		{Kind: "choice", Name: "scope", Label: "Invalidate", Options: scopes, Value: in.Get("scope")}, {Name: "of", Label: "Which one", Value: in.Get("of"), Most: 512, Help: "its name, key, tag or pattern"},
		{Kind: "choice", Name: "how", Label: "How", Options: hows, Value: in.Get("how")},
	}}
}

func lookUpForm(key string) form {
	return form{Action: pathCache + "/key", Get: true, Button: "Look up", Fields: []field{{Name: "key", Label: "Look up a key", Value: key, Help: "MEMO:PARAMS", Most: 512, Needed: true}}}
}

// memo is the page of one memo: its keys in this process.
func (p *Pages) memo(_ context.Context, q url.Values) ([]block, error) {
	name, is := pick(q, "name", 128), pick(q, "state", 16)
	keys, err := p.Cache.Keys(cache.KeyQuery{Memo: name, State: is, Limit: 2 * rowsShown})
	if err != nil || name == "" {
		return nil, ErrUnknown
	}
	about := block{ID: "policy", Title: "Memo " + name}
	for _, policy := range p.Cache.Policies() {
		if policy.Memo == name {
			about.Facts = p.policyFacts(policy)
		}
	}
	about.More = []text{
		doing("Invalidate, soft", "cache.invalidate", "scope", "memo", "of", name, "how", "soft"), doing("Invalidate, hard", "cache.invalidate", "scope", "memo", "of", name, "how", "hard"),
	}
	table := block{ID: "keys", Title: "Keys of this process", Columns: []string{"Key", "State", "As of", "Age", "Size", "Running or waiting", "Reason"}, Empty: "This process has none.",
		Text: said(views.Plural(int64(keys.Total), "key", "keys") + " in all.")}
	if keys.Total > len(keys.Keys) {
		table.Text = said(fmt.Sprintf("%s in all, the first %d by key.", views.Plural(int64(keys.Total), "key", "keys"), len(keys.Keys)))
	}
	for _, k := range keys.Keys {
		running := ""
		if k.Refreshing {
			running = "yes"
		}
		table.Rows = append(table.Rows, []text{link(k.Key, address(pathCache+"/key", "key", k.Key)), keyState(k.State), p.at(&k.AsOf, "–"), plain(age(k.Age.Duration())), {Text: views.Bytes(int64(k.Bytes)), Number: true}, plain(running), plain(k.Reason)})
	}
	for _, other := range []string{"", "fresh", "stale", "degraded", "forbidden", "none"} {
		if other != is {
			table.More = append(table.More, link(cmp.Or(other, "all"), address(pathCache+"/memo", "name", name, "state", other)))
		}
	}
	return []block{about, table}, nil
}

func keyState(is string) text {
	switch is {
	case "fresh":
		return state("good", is)
	case "degraded", "forbidden":
		return state("bad", is)
	}
	return plain(is)
}

// key is what is known of one key.
func (p *Pages) key(ctx context.Context, q url.Values) ([]block, error) {
	name := pick(q, "key", 512)
	memo, params, _ := strings.Cut(name, ":")
	st, err := p.Cache.Status(ctx, memo, params)
	if err != nil {
		again := []block{{ID: "again", Title: "Another key", Forms: []form{lookUpForm(name)}}}
		if err := p.known(InvalidateRequest{Key: name}); err != nil {
			return again, err
		}
		return again, mistake(reason(err))
	}
	b := block{ID: "key", Title: "Key " + st.Key, Facts: []fact{{Name: "At the shared level", Value: code(st.StoreKey)}, {Name: "Levels with a value", Value: plain(cmp.Or(strings.Join(st.Levels, ", "), "none"))}}}
	if st.Lock != nil {
		b.Facts = append(b.Facts, fact{Name: "Computed by", Value: plain(fmt.Sprintf("%s, whose lease has %.1f s left", st.Lock.Owner, float64(st.Lock.Left)))})
	}
	blocks := []block{b}
	if st.Down {
		blocks[0].Text = []text{state("bad", "The shared level is down: nothing is known of what it has.")}
	}
	if s := st.Process; s != nil {
		facts := append([]fact{{Name: "State", Value: keyState(s.State)}}, p.copyFacts(s.Copy)...)
		blocks = append(blocks, block{ID: "process", Title: "In this process", Half: true, Facts: facts})
	}
	if s := st.Shared; s != nil {
		facts := append(p.copyFacts(s.Copy), fact{Name: "Took", Value: plain(s.Took.Duration().Round(time.Millisecond).String())}, fact{Name: "Fresh until", Value: p.at(&s.SoftUntil, "–")},
			fact{Name: "Shown until", Value: p.at(&s.HardUntil, "–")}, fact{Name: "Failures in a row", Value: plain(fmt.Sprint(s.Failures))}, fact{Name: "Invalidated since", Value: plain(cmp.Or(s.Invalidated, "no"))})
		blocks = append(blocks, block{ID: "shared", Title: "At the shared level", Half: true, Facts: facts})
	}
	blocks[0].More = []text{
		doing("Invalidate, soft", "cache.invalidate", "scope", "key", "of", name, "how", "soft"), doing("Invalidate, hard", "cache.invalidate", "scope", "key", "of", name, "how", "hard"),
		link("Memo "+memo, address(pathCache+"/memo", "name", memo)),
	}
	return blocks, nil
}

func (p *Pages) copyFacts(c cache.Copy) []fact {
	return []fact{
		{Name: "As of", Value: p.at(&c.AsOf, "–")}, {Name: "Computed", Value: p.at(&c.ComputedAt, "–")}, {Name: "Age", Value: plain(age(c.Age.Duration()))},
		{Name: "Generation", Value: plain(fmt.Sprint(c.Generation))}, {Name: "Size", Value: plain(views.Bytes(int64(c.Bytes)))}, {Name: "Reason", Value: plain(cmp.Or(c.Reason, "–"))},
	}
}

func (p *Pages) policyFacts(policy cache.NamedPolicy) []fact {
	configured := "the program's own"
	if _, set := p.Policies[policy.Memo]; set {
		configured = "EXCHEQUER_POLICIES"
	}
	return []fact{
		{Name: "Window", Value: plain(lasting(policy.Window.Duration()))}, {Name: "Fresh for", Value: plain(lasting(policy.Soft.Duration()))}, {Name: "Shown for", Value: plain(lasting(policy.Hard.Duration()))},
		{Name: "A run may take", Value: plain(lasting(policy.Timeout.Duration()))}, {Name: "Tags", Value: plain(cmp.Or(strings.Join(policy.Tags, ", "), "–"))}, {Name: "Set by", Value: plain(configured)},
	}
}

// policies is the page of the policies in force.
func (p *Pages) policies(context.Context, url.Values) ([]block, error) {
	b := block{ID: "policies", Title: "Policies in force", Columns: []string{"Memo", "Window", "Fresh for", "Shown for", "A run may take", "Tags", "Set by"},
		Text: said("A policy is changed by EXCHEQUER_POLICIES, at the start of the program, in all processes alike.")}
	for _, policy := range p.Cache.Policies() {
		row := []text{link(policy.Memo, address(pathCache+"/memo", "name", policy.Memo))}
		for _, f := range p.policyFacts(policy) {
			row = append(row, f.Value)
		}
		b.Rows = append(b.Rows, row)
	}
	return []block{b}, nil
}

// asked returns what a form of invalidation asks for.
func asked(in url.Values) (InvalidateRequest, error) {
	r, of := InvalidateRequest{How: in.Get("how")}, in.Get("of")
	switch in.Get("scope") {
	case "key":
		r.Key = of
	case "memo":
		r.Memo = of
	case "tag":
		r.Tag = of
	case "pattern":
		r.Pattern = of
	case "tenant":
		r.Tenant = true
	}
	if _, one := r.Scope(); !one || len(of) > 512 {
		return r, fieldMistake{"Name what is to be invalidated: a memo, a key, a tag or a pattern.", "of"}
	}
	return r, nil
}

func (p *Pages) cacheActions() []*action {
	return []*action{
		{"cache.invalidate", "Invalidate", pathCache, []string{"scope", "of", "how"}, p.invalidation},
		{"cache.reset", "Reset the counts", pathCache, nil, func(context.Context, url.Values) (plan, error) {
			return plan{target: process(), button: "Reset", says: []string{"The counts and latencies of this process begin anew. Prometheus' counters go on."},
				beside: func(context.Context) (string, error) {
					return "since " + p.Cache.ResetStats().UTC().Format(time.RFC3339), nil
				}}, nil
		}},
		{"cache.test", "Test the shared level", pathCache, nil, func(context.Context, url.Values) (plan, error) {
			return plan{target: process(), button: "Test", says: []string{"A value is set, read and deleted at the shared level, in 3 s at most."},
				beside: func(ctx context.Context) (string, error) {
					trip, err := p.Cache.TestRoundTrip(ctx)
					return fmt.Sprintf("set %.1f ms, get %.1f ms, delete %.1f ms", 1000*float64(trip.Set), 1000*float64(trip.Get), 1000*float64(trip.Delete)), err
				}}, nil
		}},
	}
}

// invalidation is the plan of what a form of invalidation asks for.
func (p *Pages) invalidation(_ context.Context, in url.Values) (plan, error) {
	r, err := asked(in)
	if err != nil {
		return plan{}, err
	}
	if err := p.known(r); err != nil {
		return plan{}, err
	}
	scope, _ := r.Scope()
	says := "Readers go on seeing the present numbers until newer ones are computed, which begins with the next reader."
	if r.Mode() == cache.Hard {
		says = "The present numbers are not shown again, in any process. The next readers wait until newer ones are computed."
	}
	return plan{target: scope.String(), detail: r.Mode().String(), button: "Invalidate", danger: r.Mode() == cache.Hard,
		says: []string{"Invalidates " + quote(scope.String()) + ", " + r.Mode().String() + ".", says},
		beside: func(ctx context.Context) (string, error) {
			a, err := Invalidate(ctx, p.Cache, r)
			var but []string
			if a.Down {
				but = append(but, "Redis is down: others learn of a soft invalidation when it is back, of a hard one within 10 s")
			}
			if a.Unknown {
				but = append(but, "neither this process nor the shared level has this key: it may be misspelt")
			}
			return joined(but...), err
		}}, nil
}

// known returns a mistake if no memo or tag is what a request names.
func (p *Pages) known(r InvalidateRequest) error {
	policies := p.Cache.Policies()
	memo, _, _ := strings.Cut(r.Key, ":")
	if memo = cmp.Or(memo, r.Memo); memo != "" && !slices.ContainsFunc(policies, func(n cache.NamedPolicy) bool { return n.Memo == memo }) {
		return fieldMistake{mistake("There is no memo " + quote(memo) + "."), "of"}
	}
	if r.Tag != "" && !slices.ContainsFunc(policies, func(n cache.NamedPolicy) bool { return slices.Contains(n.Tags, r.Tag) }) {
		return fieldMistake{mistake("No memo has the tag " + quote(r.Tag) + "."), "of"}
	}
	return nil
}
