package cache

import (
	"context"
	"errors"
)

// A Journal keeps hard invalidations where they outlive the shared level and
// the processes, so that what was forbidden stays so.
type Journal interface {
	// Record keeps invalidations.
	Record(ctx context.Context, list []Invalidation) error
	// Recorded returns those that are kept.
	Recorded(ctx context.Context) ([]Invalidation, error)
}

// readJournal takes over what the journal has.
func (c *Cache) readJournal(ctx context.Context) {
	if c.journal == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeBound)
	defer cancel()
	list, err := c.journal.Recorded(ctx)
	if err != nil && c.ctx.Err() == nil {
		c.warnings.Do(func() {
			c.log.Warn("cache: hard invalidations of the past cannot be read", "error", err)
		})
	}
	c.generations.update(c.plausible(list)...)
}

// restore gives the store what it may have lost: the invalidations that it
// lacks, and the values that this process holds. It takes over what the store
// has newer.
func (c *Cache) restore() {
	if !c.restoring.TryLock() {
		return
	}
	defer c.restoring.Unlock()
	if !c.restoreDue.Swap(false) {
		return
	}
	err := c.restoreInvalidations()
	for _, found := range c.level.All() {
		if err != nil {
			break
		}
		err = found.(anySlot).restore()
	}
	if err != nil {
		c.restoreDue.Store(true) // the loop comes back to it
	}
}

func (c *Cache) restoreInvalidations() error {
	list, err := c.store.Invalidations(c.ctx, 0)
	c.metrics.storeError("poll", err)
	if err != nil && !errors.Is(err, ErrKey) {
		return err
	}
	list = c.plausible(list)
	c.generations.update(list...)
	missing := c.generations.missingFrom(list)
	if len(missing) == 0 {
		return nil
	}
	err = c.store.Restore(c.ctx, missing)
	c.metrics.storeError("restore", err)
	return err
}

// restoreLimit bounds the blobs that are restored. One that is too large for the
// way to the store would begin the next outage.
const restoreLimit = 16 << 10

// restore publishes what the process knows of the key unless the store knows
// better. Where it does not, or there is nothing to publish, it looks there.
func (s *slot[P, T]) restore() error {
	m := s.memo
	e := s.entry.Load()
	if e != nil && m.judge(s, e, m.cache.now()).usable {
		p, err := m.publication(s, e, nil, "")
		if err != nil || len(p.Blob) > restoreLimit {
			return nil
		}
		done, err := m.cache.store.Publish(m.cache.ctx, p)
		m.cache.metrics.storeError("publish", err)
		if done || err != nil && !errors.Is(err, ErrKey) {
			return err
		}
	}
	m.loadShared(s)
	return nil
}
