package cache

import (
	"slices"
	"strings"
)

// Keys are keys that a process holds, by memo and parameters.
type Keys struct {
	Total int         `json:"total" doc:"How many there are in all, of the memo and state asked for."`
	Keys  []KeyStatus `json:"keys" nullable:"false" doc:"The first of them, by memo and key."`
}

// A KeyStatus is what a process has of a key.
type KeyStatus struct {
	Memo string `json:"memo"`
	Key  string `json:"key" doc:"As operators write it."`
	ProcessStatus
}

// A KeyQuery chooses among the keys. What is empty chooses all.
type KeyQuery struct {
	Memo  string
	State string // as in ProcessStatus
	Limit int    // of those returned
}

// Keys returns the keys that this process holds, without asking the shared
// level, or an *UnknownMemoError where there is no such memo. Readers go on
// meanwhile: only each slot in turn is locked, for as long as it is read.
func (c *Cache) Keys(q KeyQuery) (Keys, error) {
	if q.Memo != "" {
		if _, err := c.named(q.Memo); err != nil {
			return Keys{}, err
		}
	}
	type held struct {
		memo, params string
		slot         anySlot
	}
	var found []held
	now := c.now()
	for _, value := range c.level.All() {
		s := value.(anySlot)
		memo, params := s.names()
		if (q.Memo == "" || memo == q.Memo) && (q.State == "" || s.status(now).State == q.State) {
			found = append(found, held{memo, params, s})
		}
	}
	keys := Keys{Total: len(found), Keys: []KeyStatus{}}
	slices.SortFunc(found, func(a, b held) int {
		if order := strings.Compare(a.memo, b.memo); order != 0 {
			return order
		}
		return strings.Compare(a.params, b.params)
	})
	for _, h := range found[:min(q.Limit, len(found))] {
		keys.Keys = append(keys.Keys, KeyStatus{h.memo, keyName(h.memo, h.params), h.slot.status(now)})
	}
	return keys, nil
}
