package cache

import (
	"context"
	"crypto/rand"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	leaseFor   = 4 * time.Second // of a lock: a holder that dies is replaced this soon
	leaseEvery = time.Second     // a holder that lives extends it
)

// newOwner is a token by which a lock is this process's.
func (c *Cache) newOwner() string { return c.process + ":" + rand.Text() }

// nameOf is how operators know a process by what it owns.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + ":" + strconv.Itoa(os.Getpid())
}

// processOf returns the process in an owner's token. The rest is the owner's
// secret.
func ownerProcess(owner string) string {
	if at := strings.LastIndex(owner, ":"); at >= 0 {
		return owner[:at]
	}
	return owner
}

func (m *memo) lock(key, owner string) (bool, error) {
	began := time.Now()
	won, err := m.cache.store.Lock(m.cache.ctx, key, owner, leaseFor)
	m.cache.metrics.storeError("lock", err)
	m.stats.lockWait.Observe(time.Since(began).Seconds())
	return won, err
}

// keepLock extends the lock until ctx ends, and calls lose when another
// process has or may have taken it. A store that cannot be asked is not a loss.
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
