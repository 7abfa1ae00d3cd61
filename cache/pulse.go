package cache

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pulseEvery   = 20 * time.Millisecond
	redisLongest = 5 * time.Second // that a call is given, in the end, in a process that hardly gets to run
)

// A pulse tells how long this process did not get to run while it waited. On a
// machine that is too busy, an answer that has long been there looks like one
// that never came; to go on alone then would have every process of the fleet
// run its producers, and make it busier still.
type pulse struct {
	began  time.Time
	mu     sync.Mutex
	timer  *time.Timer
	due    time.Time // of the next beat
	missed time.Duration
	ended  bool
}

func feelPulse() *pulse {
	now := time.Now()
	p := &pulse{began: now, due: now.Add(pulseEvery)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = time.AfterFunc(pulseEvery, p.beat)
	return p
}

func (p *pulse) beat() {
	// What a timer starts runs at once; what waits for the network must queue.
	runtime.Gosched()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.miss()
	p.due = time.Now().Add(pulseEvery)
	p.timer.Reset(pulseEvery)
}

func (p *pulse) miss() { p.missed += max(time.Since(p.due), 0) }

// end returns how long ago the pulse was felt first, and how much of that the
// beats were late, together.
func (p *pulse) end() (took, missed time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.timer.Stop()
	p.miss()
	took = time.Since(p.began)
	return took, min(p.missed, took)
}

// tooLate says whether a call failed by its timeout.
func tooLate(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
