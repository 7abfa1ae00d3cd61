package cache

import (
	"context"
	"errors"
	"time"
)

// loadShared updates a slot from the shared level, if that has something newer.
func (m *Memo[P, T]) loadShared(ctx context.Context, s *slot[P, T]) {
	if e := m.fetch(ctx, s.key, s.entry.Load()); e != nil {
		s.update(e)
	}
}

// observeStore counts a call of the store. Where the breaker was open there was
// none.
func (m *memo) observeStore(op string, began time.Time, err error) {
	m.cache.metrics.storeError(op, err)
	if err != ErrUnavailable {
		m.stats.store.Observe(time.Since(began).Seconds())
	}
}

// fetch returns the shared level's entry of a key if it replaces known, or nil. An
// error of the store and a blob that cannot be read count as nothing.
func (m *Memo[P, T]) fetch(ctx context.Context, key string, known *entry[T]) *entry[T] {
	began := time.Now()
	data, err := m.cache.store.Load(ctx, key)
	m.observeStore("load", began, err)
	if err != nil && !errors.Is(err, ErrKey) || err == nil && data == nil {
		return nil
	}
	var b blob
	if err == nil {
		b, err = m.cache.codec.decode(data)
	}
	if err == nil {
		b, err = b.within(m.policy, m.cache.now(), m.cache.generations.newest.Load())
	}
	if err == nil {
		var e *entry[T]
		if e, err = entryOf(b, known, m.cache.now()); err == nil {
			return e
		}
	}
	m.warnings.Do(func() {
		m.cache.log.Warn("cache: blob is unreadable, taken as missing", "memo", m.spec.Name, "key", key, "error", err)
	})
	return nil
}

// publication returns an entry as the store takes it. Value is the JSON of the
// entry's value; nil if it is still to be encoded. The error is that of encoding.
func (m *Memo[P, T]) publication(s *slot[P, T], e *entry[T], value []byte, owner string) (Publication, error) {
	p := Publication{Key: s.key, Owner: owner, Generation: e.generation}
	b, err := e.blob(value)
	if err != nil {
		return p, err
	}
	if p.Blob, err = m.cache.codec.encode(b); err != nil {
		return p, err
	}
	p.Keep = 10 * circuitOpen // long enough for the back-off to be remembered
	if e.has {
		p.Window, p.ReadAt, p.Keep = e.window.Start.UnixNano(), e.readAt().UnixNano(), e.hardUntil.Sub(m.cache.now())
	}
	return p, nil
}

// publish puts an entry into the shared level. It returns false when the store
// refuses it for a newer one or because owner has lost the lock. An error of the
// store is logged, and counts as published.
func (m *Memo[P, T]) publish(ctx context.Context, s *slot[P, T], e *entry[T], value []byte, owner string) bool {
	c := m.cache
	p, err := m.publication(s, e, value, owner)
	if err != nil {
		return true // its value was encoded before: this cannot fail
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeBound)
	defer cancel()
	began := time.Now()
	done, err := c.store.Publish(ctx, p)
	m.observeStore("publish", began, err)
	if err != nil && !errors.Is(err, ErrUnavailable) { // the Failover logs that one
		m.warnings.Do(func() { c.log.Warn("cache: publish", "memo", m.spec.Name, "key", s.key, "error", err) })
	}
	return done || err != nil
}
