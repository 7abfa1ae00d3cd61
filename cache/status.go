package cache

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Status is what the shared level and this process have of a key.
type Status struct {
	Key      string         `json:"key" doc:"As operators write it."`
	StoreKey string         `json:"storeKey" doc:"As the shared level knows it."`
	Levels   []string       `json:"levels" nullable:"false" doc:"Those that have a value: process, shared."`
	Down     bool           `json:"down" doc:"Redis is down: nothing is known of what it has."`
	Process  *ProcessStatus `json:"process" doc:"null where this process knows nothing of the key."`
	Shared   *SharedStatus  `json:"shared" doc:"null where the shared level has nothing of the key."`
	Lock     *LockStatus    `json:"lock" doc:"null where nobody computes it."`
}

// A Copy is what one level has of a key.
type Copy struct {
	Cached     bool      `json:"cached" doc:"Whether there is a value."`
	AsOf       time.Time `json:"asOf,omitzero"`
	WindowEnd  time.Time `json:"windowEnd,omitzero"`
	Generation int64     `json:"generation"`
	ComputedAt time.Time `json:"computedAt,omitzero"`
	Age        Seconds   `json:"ageSeconds" doc:"Since it was computed."`
	Reason     string    `json:"reason,omitempty" doc:"Why it is degraded, or why there is no value."`
	Bytes      int       `json:"bytes" doc:"At the process level of the value's JSON, at the shared level as it is kept."`
}

// A ProcessStatus is what a process has of a key.
type ProcessStatus struct {
	Copy
	State      string `json:"state" enum:"fresh,stale,degraded,forbidden,none" doc:"forbidden: it must not be shown. none: there is no value."`
	Refreshing bool   `json:"refreshing" doc:"A refresh is under way in this process, or waits for its turn."`
}

// A SharedStatus is what the shared level has of a key.
type SharedStatus struct {
	Copy
	Took        Seconds   `json:"tookSeconds"`
	SoftUntil   time.Time `json:"softUntil,omitzero"`
	SoftLeft    Seconds   `json:"softLeftSeconds" doc:"Negative: it has passed."`
	HardUntil   time.Time `json:"hardUntil,omitzero"`
	HardLeft    Seconds   `json:"hardLeftSeconds"`
	Failures    int       `json:"failures" doc:"In a row, to replace the value."`
	RetryAt     time.Time `json:"retryAt,omitzero"`
	Invalidated string    `json:"invalidated,omitempty" enum:"soft,hard" doc:"Since it was computed: soft (stale) or hard (not shown again)."`
}

// A LockStatus is the process that computes a key, and the rest of its lease.
type LockStatus struct {
	Owner string  `json:"owner" doc:"Host and pid."`
	Left  Seconds `json:"leftSeconds"`
}

// Status returns what both levels have of a memo's key. The error is an
// *UnknownMemoError or a *MalformedError when there can be no such key, or the
// store's; then Status has what the process has.
func (c *Cache) Status(ctx context.Context, memo, params string) (Status, error) {
	m, err := c.named(memo)
	if err != nil {
		return Status{}, err
	}
	if err := checkParams(memo, params); err != nil {
		return Status{}, err
	}
	_ = c.catchUp(ctx) // so that all invalidations are known
	s := Status{Key: keyName(memo, params), StoreKey: m.prefix + params, Levels: []string{}, Down: c.outage() != nil}
	now := c.now()
	if held := c.lookUp(m, s.StoreKey); held != nil {
		p := held.status(now)
		s.Process = &p
		if p.Cached {
			s.Levels = append(s.Levels, "process")
		}
	}
	if s.Down {
		return s, nil
	}
	owner, left, err := c.store.Holder(ctx, s.StoreKey)
	if err != nil {
		return s, fmt.Errorf("status: who holds the lock: %w", err)
	}
	if owner != "" {
		s.Lock = &LockStatus{Owner: ownerProcess(owner), Left: SecondsOf(left)}
	}
	data, err := c.store.Load(ctx, s.StoreKey)
	if err != nil {
		c.metrics.storeError("load", err)
		return s, fmt.Errorf("status: %w", err)
	}
	if data != nil {
		s.Shared = c.sharedStatus(m, params, data, now)
	}
	if s.Shared != nil && s.Shared.Cached {
		s.Levels = append(s.Levels, "shared")
	}
	return s, nil
}

// lookUp returns the slot of a key, nil if the process has none. It is quick for
// active keys, and goes through all slots for others.
func (c *Cache) lookUp(m *memo, storeKey string) anySlot {
	m.mu.Lock()
	found := m.active[storeKey]
	m.mu.Unlock()
	if found != nil {
		return found
	}
	for _, held := range c.level.All() {
		if s := held.(anySlot); s.storeKey() == storeKey {
			return s
		}
	}
	return nil
}

// sharedStatus returns the status of a blob.
func (c *Cache) sharedStatus(m *memo, params string, data []byte, now time.Time) *SharedStatus {
	b, err := c.codec.decode(data)
	if err != nil {
		return &SharedStatus{Copy: Copy{Reason: err.Error(), Bytes: len(data)}} // readers take it as missing
	}
	s := &SharedStatus{
		Copy: Copy{
			Cached: len(b.value) > 0, AsOf: b.Window, WindowEnd: b.WindowEnd, Generation: b.Generation,
			ComputedAt: b.ComputedAt, Age: elapsed(b.ComputedAt, now), Reason: b.Reason, Bytes: len(data),
		},
		Took:      SecondsOf(b.Took),
		SoftUntil: b.SoftUntil, SoftLeft: -elapsed(b.SoftUntil, now),
		HardUntil: b.HardUntil, HardLeft: -elapsed(b.HardUntil, now),
		Failures: b.Failures, RetryAt: b.RetryAt,
	}
	for _, mode := range []Mode{Soft, Hard} {
		if s.Cached && c.generations.invalidated(b.Generation, m.scopes, scopeKey(c.space, m.spec.Name, params), mode) {
			s.Invalidated = mode.String()
		}
	}
	return s
}

// elapsed returns the time since t, 0 if t is zero.
func elapsed(t, now time.Time) Seconds {
	if t.IsZero() {
		return 0
	}
	return SecondsOf(now.Sub(t))
}

// keyName returns a key as operators write it.
func keyName(memo, params string) string {
	if params == "" {
		return memo
	}
	return memo + ":" + params
}

func (s *slot[P, T]) storeKey() string { return s.key }

func (s *slot[P, T]) names() (memo, params string) {
	return s.memo.spec.Name, strings.TrimPrefix(s.key, s.memo.prefix)
}

// status returns what the process has of the slot.
func (s *slot[P, T]) status(now time.Time) ProcessStatus {
	s.mu.Lock()
	p := ProcessStatus{State: "none", Refreshing: s.flight != nil}
	s.mu.Unlock()
	e := s.entry.Load()
	if e == nil {
		return p
	}
	p.Copy = Copy{
		Cached: e.has, AsOf: e.window.Start, WindowEnd: e.window.End, Generation: e.generation,
		ComputedAt: e.computedAt, Age: elapsed(e.computedAt, now), Reason: e.reason, Bytes: e.bytes,
	}
	v := s.memo.judge(s, e, now)
	switch {
	case !e.has:
	case !v.usable:
		p.State = "forbidden"
	case v.fresh:
		p.State = Fresh.String()
	case e.reason != "":
		p.State = Degraded.String()
	default:
		p.State = Stale.String()
	}
	return p
}

// Keys are the keys that a process holds, by memo and parameters.
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

// A KeyQuery selects keys. An empty field selects all.
type KeyQuery struct {
	Memo  string
	State string // as in ProcessStatus
	Limit int    // of the keys returned
}

// Keys returns the keys that this process holds, without asking the shared level.
// It does not hold up readers, since it locks one slot at a time. The error is an
// *UnknownMemoError.
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
