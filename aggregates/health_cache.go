package aggregates

import (
	"time"

	"exchequer/cache"
)

// CacheState is how the cache of one process does, for operators. It names no hosts
// and no keys.
type CacheState struct {
	Basis
	Status string      `json:"status" enum:"ok,degraded"`
	Shared string      `json:"shared" enum:"memory,redis" doc:"What processes share."`
	Down   bool        `json:"down" doc:"The process goes on without Redis."`
	Memos  []MemoState `json:"memos" nullable:"false" doc:"By name."`
}

// MemoState is of one memo.
type MemoState struct {
	Memo     string   `json:"memo"`
	Window   float64  `json:"windowSeconds" doc:"One computation serves this long."`
	Keys     int      `json:"keys" doc:"Asked for in the last two windows."`
	Oldest   *float64 `json:"oldestSeconds" nullable:"true" doc:"How long ago the window of the oldest value began, of at most 50; null where there is no value."`
	Degraded int      `json:"degraded" doc:"Keys whose refresh failed."`
	Circuit  string   `json:"circuit" enum:"closed,half-open,open"`
	HitRatio *float64 `json:"hitRatio" nullable:"true" doc:"Readers who did not wait, of the last five minutes; null where there were none."`
}

// keysAged is how many keys of a memo are looked at for their age.
const keysAged = 50

func readCacheState(c *cache.Cache, w cache.Window) *CacheState {
	h := c.Health()
	v := &CacheState{Basis: Basis{Period: Period{Days: Days(0).Key(), Start: w.Start, End: w.Start}}, Status: h.Status, Shared: h.Shared.Kind, Down: h.Shared.Down, Memos: []MemoState{}}
	windows := map[string]float64{}
	for _, p := range c.Policies() {
		windows[p.Memo] = float64(p.Window)
	}
	for _, m := range h.Memos {
		state := MemoState{Memo: m.Memo, Window: windows[m.Memo], Keys: m.Keys, Degraded: m.Degraded, Circuit: m.Circuit, HitRatio: m.HitRatio}
		if m.Keys > 0 {
			state.Oldest = oldest(c, m.Memo, w.Start)
		}
		v.Memos = append(v.Memos, state)
	}
	return v
}

// oldest returns the age of the oldest value of a memo.
func oldest(c *cache.Cache, memo string, now time.Time) (age *float64) {
	keys, err := c.Keys(cache.KeyQuery{Memo: memo, Limit: keysAged})
	if err != nil {
		return nil // there is no such memo any more
	}
	for _, k := range keys.Keys {
		if !k.Cached {
			continue
		}
		if seconds := max(0, now.Sub(k.AsOf).Seconds()); age == nil || seconds > *age {
			age = &seconds
		}
	}
	return age
}

// Table has one row a memo.
func (c *CacheState) Table() Table {
	t := Table{Columns: []Column{
		{"memo", "Numbers", Text}, {"window", "Window, seconds", Count}, {"keys", "Keys in use", Count}, {"oldest", "Oldest, seconds", Count},
		{"degraded", "Failed", Count}, {"circuit", "Circuit", Text}, {"hit_ratio", "Did not wait", Percent},
	}}
	for _, m := range c.Memos {
		var oldest any
		if m.Oldest != nil {
			oldest = int64(*m.Oldest)
		}
		t.Rows = append(t.Rows, []any{m.Memo, int64(m.Window), int64(m.Keys), oldest, int64(m.Degraded), m.Circuit, orNil(m.HitRatio)})
	}
	return t
}
