package cache

import (
	"context"
	"errors"
)

// A Journal keeps hard invalidations where they outlive the store and the
// processes, so that no value returns that was forbidden. Its methods are safe
// for concurrent use.
type Journal interface {
	// Record adds invalidations.
	Record(ctx context.Context, list []Invalidation) error
	// Recorded returns the invalidations that can still concern a value.
	Recorded(ctx context.Context) ([]Invalidation, error)
}

// readJournal adds the journal's invalidations to those known here.
func (c *Cache) readJournal() {
	if c.journal == nil || !c.reading.TryLock() {
		return
	}
	defer c.reading.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, storeBound)
	defer cancel()
	list, err := c.journal.Recorded(ctx)
	if err != nil && c.ctx.Err() == nil {
		c.warnings.Do(func() {
			c.log.Warn("cache: hard invalidations of the past cannot be read", "error", err)
		})
	}
	c.generations.update(c.plausible(list, generationSlack)...)
}

// restore gives the store what it may have lost: invalidations that it lacks, and
// the values that this process holds. Where the store has something newer, this
// process adopts it. After an error the loop tries again.
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
		c.restoreDue.Store(true)
	}
}

// restoreInvalidations adopts the store's invalidations, and restores those that
// it lacks.
func (c *Cache) restoreInvalidations() error {
	list, err := c.store.Invalidations(c.ctx, 0)
	c.metrics.storeError("poll", err)
	if err != nil && !errors.Is(err, ErrKey) {
		return err
	}
	spoilt := err != nil // by another program; to restore makes room
	list = c.plausible(list, generationSlack)
	c.generations.update(list...)
	missing := c.generations.missingFrom(list)
	if len(missing) == 0 && !spoilt {
		return nil
	}
	err = c.store.Restore(c.ctx, missing)
	c.metrics.storeError("restore", err)
	return err
}

// restoreLimit is the largest blob that is restored. A larger one might take too
// long on a slow link, and so cause the next outage.
const restoreLimit = 16 << 10

// restore publishes the slot's entry if it can be shown and the store has no
// newer one. Otherwise it loads the store's.
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
	m.loadShared(m.cache.ctx, s)
	return nil
}
