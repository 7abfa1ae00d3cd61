package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// warmAtOnce bounds the keys that are warmed at the same time. It is below the
// number of producers, so that readers do not notice.
const warmAtOnce = 3

// Progress is one key that Warm has finished with.
type Progress struct {
	Done  int    `json:"done,omitempty"`
	Of    int    `json:"of,omitempty"`
	Memo  string `json:"memo,omitempty"`
	Key   string `json:"key,omitempty" doc:"As in status."`
	Error string `json:"error,omitempty" doc:"Why it is not up to date."`
}

// Prewarm names the parameters that readers usually want, so that Warm computes
// them in a process that has served nobody yet. It returns m.
func (m *Memo[P, T]) Prewarm(params ...P) *Memo[P, T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range params {
		m.prewarm = append(m.prewarm, func() anySlot { return m.slot(p) })
	}
	return m
}

// Warm brings the keys of the named memos up to date, or of all memos if there
// are no names: those of Prewarm, and those with readers in the last two
// windows. It calls progress, which may be nil, after each key, from one
// goroutine at a time. It goes on after a key that fails.
//
// The error wraps an *UnknownMemoError, then nothing is done; that of ctx, then
// some keys are not done; or those of all keys that failed.
func (c *Cache) Warm(ctx context.Context, names []string, progress func(Progress)) error {
	slots, err := c.warmable(names)
	if err != nil {
		return fmt.Errorf("warm: %w", err)
	}
	var (
		group  errgroup.Group
		mu     sync.Mutex
		done   int
		failed error
	)
	group.SetLimit(warmAtOnce)
	for _, s := range slots {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			err := s.warm(ctx)
			if ctx.Err() != nil {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			failed = errors.Join(failed, err)
			if progress != nil {
				memo, params := s.names()
				p := Progress{Done: done, Of: len(slots), Memo: memo, Key: keyName(memo, params)}
				if err != nil {
					p.Error = err.Error()
				}
				progress(p)
			}
			return nil
		})
	}
	_ = group.Wait() // nil: the errors are in failed
	if ctx.Err() != nil {
		return fmt.Errorf("warm: stopped after %d of %d keys: %w", done, len(slots), ctx.Err())
	}
	return failed
}

// warmable returns the slots to warm, each once. The error is an
// *UnknownMemoError.
func (c *Cache) warmable(names []string) ([]anySlot, error) {
	memos := c.all()
	if len(names) > 0 {
		memos = nil
		for _, name := range names {
			m, err := c.named(name)
			if err != nil {
				return nil, err
			}
			memos = append(memos, m)
		}
	}
	var slots []anySlot
	seen := map[string]bool{}
	for _, m := range memos {
		m.mu.Lock()
		found := make([]anySlot, 0, len(m.active))
		for _, s := range m.active {
			found = append(found, s)
		}
		usual := m.prewarm
		m.mu.Unlock()
		for _, slot := range usual {
			found = append(found, slot())
		}
		for _, s := range found {
			if !seen[s.storeKey()] {
				seen[s.storeKey()] = true
				slots = append(slots, s)
			}
		}
	}
	return slots, nil
}

var errBusy = errors.New("another process still computes it")

// warm counts as a reader of the slot. It waits until the slot is up to date, or
// was computed meanwhile by any process.
func (s *slot[P, T]) warm(ctx context.Context) error {
	m, c := s.memo, s.memo.cache
	began := c.now()
	for {
		now := c.now()
		s.touch(now.UnixNano())
		v := m.judge(s, s.entry.Load(), now)
		if v.due {
			if f, _ := m.refresh(ctx, s, v, now); f != nil {
				select {
				case <-f.done:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			now = c.now()
			v = m.judge(s, s.entry.Load(), now)
		}
		e := s.entry.Load()
		wait := minPoll // for another process
		switch {
		case v.fresh, v.usable && e.reason == "" && !e.computedAt.Before(began):
			return nil
		case !v.due && e.reason != "":
			return fmt.Errorf("memo %s: %w", m.spec.Name, cmp.Or(e.err, errors.New(e.reason)))
		case !v.due:
			wait = v.next.Sub(now) // invalidated just after it was computed
		case now.Sub(began) > m.policy.Timeout+margin:
			return fmt.Errorf("memo %s: %w", m.spec.Name, errBusy)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ctx.Done():
			return fmt.Errorf("memo %s: %w", m.spec.Name, errClosed)
		}
	}
}
