package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var errOutage = errors.New("redis is not available")

const (
	probeEvery = 250 * time.Millisecond
	probeMost  = 20 * time.Second // between probes, where outages follow each other
	probeBytes = 16 << 10         // as much as a panel's blob, and more than fits into buffers on the way
	probeKeep  = 10 * time.Second
	steady     = 30 * time.Second // without an outage until the last one counts no more
	joining    = time.Minute      // after a new connection: the others have given back by then
)

// An outage is the time in which a process goes on without Redis, in memory.
type outage struct {
	redis  *Redis
	local  *Memory // what this process has published lately, and all of it in an outage
	active atomic.Bool
	count  atomic.Uint64
	sample string // what the probe writes: it does not compress
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	why     error
	since   time.Time
	hold    time.Duration   // before a probe: twice as long after an outage that came soon after the last
	ended   time.Time       // the last one
	joined  time.Time       // when there was a new connection
	era     context.Context // ends with an outage
	turn    context.CancelFunc
	pending map[mark]struct{} // invalidations that the fleet has not heard of
	locks   map[string]string // by key, their owners: not released, so that others wait for their lease
	giving  bool
	tasks   sync.WaitGroup
}

func newOutage(r *Redis) *outage {
	sample := make([]byte, probeBytes)
	rand.Read(sample)
	o := &outage{redis: r, local: NewMemory(), sample: string(sample), pending: map[mark]struct{}{}, locks: map[string]string{}}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.era, o.turn = context.WithCancel(o.ctx)
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

// joins says whether there was a new connection lately, maybe to a server that
// had lost its data. What others give back to it is older than what they have
// made since.
func (o *outage) joins() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Since(o.joined) < joining
}

func (o *outage) reason() error {
	_, why := o.state()
	return why
}

// state says since when there is an outage, and why; nil if there is none.
func (o *outage) state() (since time.Time, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.since, o.why
}

// until returns a context that ends with the present or next outage: what was
// connected before may have lost its master.
func (o *outage) until() context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.era
}

// begin declares an outage, and looks for its end.
func (o *outage) begin(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.active.Swap(true) {
		return
	}
	o.count.Add(1)
	o.since, o.why = time.Now().UTC(), why
	if time.Since(o.ended) < steady {
		o.hold = min(2*o.hold, probeMost)
	} else {
		o.hold = probeEvery
	}
	hold := o.hold
	o.tasks.Go(func() { o.probe(hold) })
}

// probe asks Redis until it serves as it should, gives back what it has missed,
// and ends the outage.
func (o *outage) probe(every time.Duration) {
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-time.After(jitter(every)):
		}
		if o.alive() && o.returnAll() == nil {
			o.redis.patience.restore()
			o.mu.Lock()
			o.why, o.ended, o.joined = nil, time.Now(), time.Now()
			o.turn()
			o.era, o.turn = context.WithCancel(o.ctx)
			o.active.Store(o.ctx.Err() != nil)
			o.mu.Unlock()
			return
		}
	}
}

// alive says whether every master takes a blob and gives it back, quickly. A
// small question alone may be answered where a blob comes to grief: by a full
// server, a read-only one, or over a congested link.
func (o *outage) alive() bool {
	masters, err := o.masters()
	if err != nil {
		return false
	}
	for key, master := range masters {
		if o.quick(func(ctx context.Context) error { return master.Set(ctx, key, o.sample, probeKeep).Err() }) != nil {
			return false
		}
		if o.quick(func(ctx context.Context) error { return master.Get(ctx, key).Err() }) != nil {
			return false
		}
	}
	return true
}

func (o *outage) quick(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(o.ctx, redisQuick)
	defer cancel()
	return errors.Join(f(ctx), ctx.Err())
}

// masters connects to the servers that take writes, and returns each with the
// key of a probe that belongs there.
func (o *outage) masters() (map[string]redis.Cmdable, error) {
	ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
	defer cancel()
	cluster, ok := o.redis.client.(*redis.ClusterClient)
	if !ok {
		return map[string]redis.Cmdable{o.probeKey(0): o.redis.client}, o.redis.client.Time(ctx).Err()
	}
	// This learns who is the master of what now, too.
	if err := cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.Time(ctx).Err() }); err != nil {
		return nil, err
	}
	masters, known := map[string]redis.Cmdable{}, map[*redis.Client]bool{}
	for i := range probeTags {
		master, err := cluster.MasterForKey(ctx, o.probeKey(i))
		if err != nil {
			return nil, err
		}
		if !known[master] {
			known[master] = true
			masters[o.probeKey(i)] = master
		}
	}
	return masters, nil
}

// probeTags are enough for a Cluster of some ten masters to have one each.
const probeTags = 64

// probeKey is one of the tenant's own keys, which is all that it may write.
func (o *outage) probeKey(i int) string {
	return fmt.Sprintf("exchequer:{%s:probe:%d}", o.redis.tenant, i)
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

// unlock remembers a lock to release, where it may have been taken before the
// outage and not have run out.
func (o *outage) unlock(key, owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.since) < leaseFor {
		o.locks[key] = owner
	}
}

func (o *outage) returnLocks() error {
	o.mu.Lock()
	locks := o.locks
	o.locks = map[string]string{}
	o.mu.Unlock()
	for key, owner := range locks {
		ctx, cancel := context.WithTimeout(o.ctx, redisPatience)
		err := o.redis.unlock(ctx, key, owner)
		cancel()
		if err != nil {
			return err // the others run out by themselves
		}
	}
	return nil
}

// giveBack is told of a new connection, behind which data may be missing.
func (o *outage) giveBack() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.joined = time.Now()
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
	if err := o.returnLocks(); err != nil {
		return err
	}
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
		switch {
		case err == nil || moving(err) || foreign(err):
		case tooLate(err):
			// One that is too large for the way there must not keep the process
			// from Redis for ever: the next window's is tried anew.
			o.local.drop(p.Key)
			return err
		default:
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
	if err := o.redis.client.ZAddArgs(ctx, o.redis.generations(), args).Err(); !foreign(err) {
		return err
	}
	return nil // the next invalidation puts the key right
}
