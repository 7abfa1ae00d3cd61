package cache

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"time"
)

// A lock is held for a lease, which its holder extends. A holder that dies or
// freezes loses it within leaseFor.
const (
	leaseFor   = 4 * time.Second
	leaseEvery = time.Second
)

// newOwner returns a new token that names this process as a lock's owner. Its
// random part keeps others from using it.
func (c *Cache) newOwner() string { return c.process + ":" + rand.Text() }

// processName returns the name of this process for operators: "host:pid".
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + strconv.Itoa(os.Getpid())
}

// ownerProcess returns the process name in an owner's token. The rest of the
// token is secret.
func ownerProcess(owner string) string {
	if at := strings.LastIndex(owner, ":"); at >= 0 {
		return owner[:at]
	}
	return owner
}

// lock tries to take the lock of a key. An error is the store's.
func (m *memo) lock(ctx context.Context, key, owner string) (bool, error) {
	began := time.Now()
	won, err := m.cache.store.Lock(ctx, key, owner, leaseFor)
	m.cache.metrics.storeError("lock", err)
	m.stats.lockWait.Observe(time.Since(began).Seconds())
	return won, err
}

// keepLock extends the lock until ctx ends. It calls lose when another process
// has the lock or may have had it. An error of the store is not a loss: the
// producer goes on, and Publish checks the owner.
func (m *memo) keepLock(ctx context.Context, key, owner string, lose context.CancelCauseFunc) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		mine, err := m.cache.store.Extend(ctx, key, owner, leaseFor)
		m.cache.metrics.storeError("extend", err)
		if err == nil && !mine {
			lose(errLockLost)
			return
		}
	}
}
