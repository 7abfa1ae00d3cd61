package web

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	mostClients = 100_000 // that are counted in a minute; further ones are counted as one
	shareEvery  = time.Second
	shareAtOnce = 500 // clients
)

// A Rate limits the requests of each client in any minute, by its names. It counts those
// of this minute, and of the minute before in proportion to what of it is less than a
// minute ago. It never waits: with the counts of a fleet, it adds its own every second, and
// learns those of the others. While these cannot be had, each process counts alone.
type Rate struct {
	limit  int64
	shared Counts

	mu          sync.Mutex
	minute      int64 // since 1970
	now, before map[string]tally
}

// A tally is the requests of a client in a minute.
type tally struct {
	all    int64 // as far as they are known
	unsent int64 // of these, those that the fleet does not know
}

// Counts adds requests of clients in a minute to those of a fleet, and returns how
// many all processes have counted in it and in the minute before.
type Counts interface {
	Count(ctx context.Context, minute int64, clients []string, added []int64) (counts, before []int64, err error)
}

// counts are the counts of a fleet for one limit of several.
type counts struct {
	Counts
	of string
}

// Count implements [Counts].
func (c counts) Count(ctx context.Context, minute int64, clients []string, added []int64) (now, before []int64, err error) {
	named := make([]string, len(clients))
	for i, client := range clients {
		named[i] = c.of + " " + client
	}
	return c.Counts.Count(ctx, minute, named, added)
}

// NewRate returns a limit of so many requests a minute. Shared has the counts of the
// fleet; nil: the process counts alone.
func NewRate(limit int, shared Counts) *Rate {
	return &Rate{limit: int64(limit), shared: shared, now: map[string]tally{}, before: map[string]tally{}}
}

// counted returns the names by which the requests of an address are counted.
func counted(address string) (names []string) {
	for _, network := range networks(address) {
		names = append(names, network.String())
	}
	return names
}

// take counts a request of a client unless it is beyond the limit, of which the second
// name of a client has four times as much. It returns how many more are allowed now, and
// if there is none, how long the client has to wait.
func (r *Rate) take(names []string, at time.Time) (left int64, wait time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(at)
	client := slices.Clone(names)
	left = r.limit
	for i, name := range client {
		if _, counted := r.now[name]; !counted && len(r.now) >= mostClients {
			name = "" // that of all further ones
			client[i] = name
		}
		limit, now, before := shareOf(r.limit, i), r.now[name].all, r.before[name].all
		left = min(left, limit-used(now, before, since(at)))
		if left <= 0 {
			wait = max(wait, waitFor(limit, now, before, since(at)))
		}
	}
	if left <= 0 {
		return 0, wait, false
	}
	for i, name := range client {
		if i > 0 && name == client[i-1] {
			break // further ones are counted once
		}
		t := r.now[name]
		r.now[name] = tally{t.all + 1, t.unsent + 1}
	}
	return left - 1, 0, true
}

// turn begins the minute of a time. A request that comes as a minute ends may be counted
// in the next one. Any earlier time means that the clock was set back.
func (r *Rate) turn(at time.Time) {
	minute := at.Unix() / 60
	if minute == r.minute || minute == r.minute-1 {
		return
	}
	if minute == r.minute+1 {
		r.before = r.now
	} else {
		r.before = map[string]tally{}
	}
	r.now, r.minute = map[string]tally{}, minute
}

func since(at time.Time) time.Duration { return at.Sub(at.Truncate(time.Minute)) }

// used returns how many requests count so long after the start of the minute.
func used(now, before int64, since time.Duration) int64 {
	return now + before*int64(time.Minute-since)/int64(time.Minute)
}

// waitFor returns after how many seconds a request is allowed.
func waitFor(limit, now, before int64, since time.Duration) time.Duration {
	for wait := time.Second; wait < 2*time.Minute; wait += time.Second {
		at := since + wait
		if at < time.Minute && used(now, before, at) < limit || at >= time.Minute && used(0, now, min(at-time.Minute, time.Minute)) < limit {
			return wait
		}
	}
	return 2 * time.Minute
}

// Share adds the counts to those of the fleet every second until ctx ends. A nil Rate,
// and one without a fleet, has nothing to share.
func (r *Rate) Share(ctx context.Context) {
	if r == nil || r.shared == nil {
		return
	}
	ticks := time.NewTicker(shareEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			r.share(ctx)
		}
	}
}

// share sends what is unsent. Where that fails, it stays unsent.
func (r *Rate) share(ctx context.Context) {
	r.mu.Lock()
	minute := r.minute
	var clients []string
	var added []int64
	for client, t := range r.now {
		if t.unsent > 0 {
			clients, added = append(clients, client), append(added, t.unsent)
		}
	}
	r.mu.Unlock()
	for len(clients) > 0 {
		n := min(len(clients), shareAtOnce)
		if !r.send(ctx, minute, clients[:n], added[:n]) {
			return
		}
		clients, added = clients[n:], added[n:]
	}
}

// send adds requests of clients to the counts of the fleet, and reports whether it did.
func (r *Rate) send(ctx context.Context, minute int64, clients []string, added []int64) bool {
	ctx, cancel := context.WithTimeout(ctx, shareEvery)
	defer cancel()
	counts, before, err := r.shared.Count(ctx, minute, clients, added)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.minute != minute {
		return true
	}
	for i, client := range clients {
		own := r.now[client]
		unsent := own.unsent - added[i]
		// Whatever the fleet's counts say, no process allows more than it would alone.
		r.now[client] = tally{max(own.all, counts[i]+unsent), unsent}
		if before[i] > r.before[client].all {
			r.before[client] = tally{all: before[i]}
		}
	}
	return true
}
