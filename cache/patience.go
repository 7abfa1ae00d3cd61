package cache

import (
	"errors"
	"sync"
	"time"
)

const (
	redisPatience = 150 * time.Millisecond // that a process has with Redis before it goes on alone
	redisQuick    = 75 * time.Millisecond  // an answer within this restores it
)

var errRedisSlow = errors.New("redis answers slowly")

// A patience is spent by slow answers, so that many of them, each within its
// timeout, cost no more than one that never comes.
type patience struct {
	mu    sync.Mutex
	spent time.Duration
	until time.Time // of the wait that was counted last
}

// left is how long the next call may take.
func (p *patience) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(redisPatience-p.spent, redisQuick)
}

// lasts counts a call that began then and is answered now, and says whether
// there is patience left.
func (p *patience) lasts(began time.Time) bool {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(began) <= redisQuick {
		p.spent = 0
		return true
	}
	if began.Before(p.until) {
		began = p.until // calls at the same time are one wait
	}
	p.spent += now.Sub(began)
	p.until = now
	return p.spent < redisPatience
}

// restore is for the end of an outage.
func (p *patience) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent = 0
}
