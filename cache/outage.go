package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var errOutage = errors.New("redis is not available")

const probeEvery = 250 * time.Millisecond

// An outage is the time in which a process goes on without Redis, in memory.
type outage struct {
	redis  *Redis
	local  *Memory // what this process has published lately, and all of it in an outage
	active atomic.Bool
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	why     error
	pending map[mark]struct{} // invalidations that the fleet has not heard of
	giving  bool
	tasks   sync.WaitGroup
}

func newOutage(r *Redis) *outage {
	o := &outage{redis: r, local: NewMemory(), pending: map[mark]struct{}{}}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

func (o *outage) close() {
	o.cancel()
	o.mu.Lock()
	o.active.Store(true) // nothing new starts
	o.mu.Unlock()
	o.tasks.Wait()
}

func (o *outage) on() bool { return o.active.Load() }

func (o *outage) reason() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.why
}

// begin declares an outage, and looks for its end.
func (o *outage) begin(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.active.Swap(true) {
		return
	}
	o.why = why
	o.tasks.Go(o.probe)
}

// probe asks Redis until it answers in time and takes a write, gives back what
// it has missed, and ends the outage.
func (o *outage) probe() {
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-time.After(jitter(probeEvery)):
		}
		if o.alive() && o.returnAll() == nil {
			o.mu.Lock()
			o.why = nil
			o.active.Store(o.ctx.Err() != nil)
			o.mu.Unlock()
			return
		}
	}
}

func (o *outage) alive() bool {
	ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
	defer cancel()
	return o.redis.client.Set(ctx, redisProbe, "1", time.Second).Err() == nil
}

// invalidate does so for this process, and remembers it for the fleet.
func (o *outage) invalidate(ctx context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	o.mu.Lock()
	for _, scope := range scopes {
		o.pending[mark{scope, how}] = struct{}{}
	}
	o.mu.Unlock()
	return o.local.Invalidate(ctx, how, scopes, once)
}

// giveBack is told of a new connection, behind which data may be missing.
func (o *outage) giveBack() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.giving || o.active.Load() {
		return
	}
	o.giving = true
	o.tasks.Go(func() {
		if err := o.returnAll(); err != nil && o.ctx.Err() == nil {
			o.begin(err)
		}
		o.mu.Lock()
		o.giving = false
		o.mu.Unlock()
	})
}

// returnAll tells Redis of the invalidations and blobs that it may lack. It
// keeps the newer of two blobs.
func (o *outage) returnAll() error {
	o.mu.Lock()
	var pending []mark
	for m := range o.pending {
		pending = append(pending, m)
	}
	o.mu.Unlock()
	for _, m := range pending {
		// They get a new generation: the others have not seen this process's own.
		ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
		generation, _, err := o.redis.invalidate(ctx, m.how, []string{m.scope}, "")
		if err == nil {
			err = o.redis.tell(ctx, []Invalidation{{m.scope, m.how, generation}})
		}
		cancel()
		if err != nil {
			return err
		}
		o.mu.Lock()
		delete(o.pending, m)
		o.mu.Unlock()
	}
	if err := o.returnMarks(); err != nil {
		return err
	}
	for _, p := range o.local.publications() {
		ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
		_, err := o.redis.publish(ctx, p)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// returnMarks restores the generations, so that a blob that was invalidated
// does not come back into force.
func (o *outage) returnMarks() error {
	list, err := o.local.Invalidations(o.ctx, 0)
	if err != nil || len(list) == 0 {
		return err
	}
	args := redis.ZAddArgs{GT: true}
	for _, i := range list {
		args.Members = append(args.Members, redis.Z{Score: float64(i.Generation), Member: i.How.String() + " " + i.Scope})
	}
	ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
	defer cancel()
	return o.redis.client.ZAddArgs(ctx, redisGenerations, args).Err()
}
