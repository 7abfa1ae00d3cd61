package cache

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is the store of a fleet: one server, a Sentinel group or a Cluster. A
// server that is down, slow or refuses to write costs one call at most 150 ms;
// then the process goes on alone, in memory, until the server answers again,
// and gives back what it has computed meanwhile.
type Redis struct {
	client   redis.UniversalClient
	tenant   string
	mode     string // as in RedisStats
	scripts  scripts
	calls    limit
	patience patience
	outage   *outage
}

const (
	redisConnections = 32
	// Calls at the same time. A boundary brings one for each key that was asked
	// for lately: it is not Redis that is slow where they wait for each other.
	redisCalls = 16
	// What all tenants share: the invalidation of everything. A tenant's own has
	// its name behind it.
	redisMessages    = "exchequer:messages"
	redisGenerations = "exchequer:{generations}"
)

// NewRedis returns a tenant's store on the servers of the options, whose
// timeouts and retries it sets itself. It connects at its first use. Close it
// after the caches that use it. CheckTenant says which names are possible.
func NewRedis(o redis.UniversalOptions, tenant string) *Redis {
	// The library's own defaults take seconds to give up. What a context bounds,
	// which is all but the listening, gives up sooner than these.
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = redisLongest, redisLongest, redisLongest, redisLongest
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, redisConnections), -1
	r := &Redis{tenant: tenant, mode: "single", scripts: newScripts(), calls: make(limit, redisCalls)}
	if o.IsClusterMode || len(o.Addrs) > 1 && o.MasterName == "" {
		cluster := o.Cluster()
		// It asks for its slots without regard to a caller's context.
		cluster.DialTimeout, cluster.ReadTimeout, cluster.WriteTimeout = redisPatience, redisPatience, redisPatience
		cluster.DisableRoutingPolicies = true // they need the table of all commands first
		r.client, r.mode = redis.NewClusterClient(cluster), "cluster"
	} else {
		r.client = redis.NewUniversalClient(&o)
	}
	if o.MasterName != "" {
		r.mode = "sentinel"
	}
	r.outage = newOutage(r)
	return r
}

// Mode is what the servers are: "single", "sentinel" or "cluster".
func (r *Redis) Mode() string { return r.mode }

// Close ends the connections.
func (r *Redis) Close() error {
	r.outage.close()
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

// Err says why the process goes on without Redis, nil when it does not.
func (r *Redis) Err() error { return r.outage.reason() }

// Outages says how often the process went on without Redis.
func (r *Redis) Outages() uint64 { return r.outage.count.Load() }

// ask calls Redis within the patience, unless there is an outage. It returns
// false when the caller is to ask the process's own memory instead. Where this
// process hardly got to run meanwhile, it asks again for the rest of the time.
func (r *Redis) ask(ctx context.Context, f func(context.Context) error) (bool, error) {
	if r.outage.on() {
		return false, nil
	}
	if !r.calls.enter(ctx) {
		return true, ctx.Err()
	}
	defer r.calls.leave()
	if r.outage.on() { // since we waited
		return false, nil
	}
	left := r.patience.left() // of the time in which this process runs
	for bound := left; ; {
		pulse := feelPulse()
		err := within(ctx, bound, f)
		took, missed := pulse.end()
		switch {
		case err == nil || errors.Is(err, redis.Nil):
			if missed < took/2 && !r.patience.lasts(time.Now().Add(-took)) {
				r.outage.begin(errRedisSlow)
			}
			return true, nil
		case ctx.Err() != nil:
			return true, err // the caller's doing
		case moving(err):
			return false, nil // all else works
		case foreign(err):
			return true, err // as all else does
		}
		ran := max(took-missed, time.Millisecond)
		left -= ran
		if !tooLate(err) || left < pulseEvery || bound == redisLongest {
			r.outage.begin(err)
			return false, nil
		}
		bound = min(time.Duration(float64(left)*float64(took)/float64(ran)), redisLongest)
	}
}

func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// moving says whether an error is that a slot of a Cluster is on its way from
// one node to another, and a script's keys are in two places: the client was
// sent to and fro.
func moving(err error) bool {
	_, ask := redis.IsAskError(err)
	_, moved := redis.IsMovedError(err)
	return ask || moved || redis.IsTryAgainError(err)
}

// foreign reports whether an error is about one key, which something else has
// written: it is not of the type that we gave it.
func foreign(err error) bool { return err != nil && strings.Contains(err.Error(), "WRONGTYPE") }

// CheckTenant returns an error unless a name can be part of keys: one to 64
// letters, digits, dots, dashes and underscores.
func CheckTenant(name string) error {
	if !tenantName.MatchString(name) {
		return fmt.Errorf("tenant %q: want 1 to 64 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

var tenantName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func lockOf(key string) string              { return key + ":lock" }
func (r *Redis) messages() string           { return redisMessages + ":" + r.tenant }
func (r *Redis) generations() string        { return redisGenerations + ":" + r.tenant }
func (r *Redis) onceKey(name string) string { return redisGenerations + ":once:" + name }

// Load implements Store.
func (r *Redis) Load(ctx context.Context, key string) ([]byte, error) {
	var blob []byte
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		blob, err = r.client.HGet(ctx, key, "blob").Bytes()
		return err
	})
	if !asked {
		return r.outage.local.Load(ctx, key)
	}
	return blob, err
}

// Publish implements Store.
func (r *Redis) Publish(ctx context.Context, p Publication) (bool, error) {
	var done bool
	publish := func(ctx context.Context) (err error) {
		done, err = r.publish(ctx, p)
		return err
	}
	asked, err := r.ask(ctx, publish)
	if asked && err == nil && !done {
		if mine, _ := r.carry(ctx, p.Key, p.Owner, leaseFor); mine {
			asked, err = r.ask(ctx, publish)
		}
	}
	// What was published is kept here as well: Redis may lose it.
	if !asked || done {
		return r.outage.local.put(p), err
	}
	return done, err
}

func (r *Redis) publish(ctx context.Context, p Publication) (bool, error) {
	// Lua's numbers are exact up to 2^53: microseconds fit.
	return r.scripts.publish.Run(ctx, r.client, []string{p.Key, lockOf(p.Key)},
		p.Owner, p.Window/1000, p.Generation, p.Blob, max(p.Keep.Milliseconds(), 1), r.messages(), "ready "+p.Key).Bool()
}

// Lock implements Store.
func (r *Redis) Lock(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	var won bool
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		won, err = r.scripts.lock.Run(ctx, r.client, []string{lockOf(key)}, owner, d.Milliseconds()).Bool()
		return err
	})
	if !asked || won {
		here, _ := r.outage.local.Lock(ctx, key, owner, d) // see carry
		return won || here, err
	}
	return won, err
}

// carry takes a lock anew that Redis has lost, or that was taken while it was
// away, so that a producer need not run again. It must be held here without a
// gap: past its lease another process may have published.
func (r *Redis) carry(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	if held, _ := r.outage.local.Extend(ctx, key, owner, d); !held {
		return false, nil
	}
	return r.Lock(ctx, key, owner, d)
}

// Extend implements Store.
func (r *Redis) Extend(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	var mine bool
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		mine, err = r.scripts.extend.Run(ctx, r.client, []string{lockOf(key)}, owner, d.Milliseconds()).Bool()
		return err
	})
	if asked && err == nil && !mine {
		return r.carry(ctx, key, owner, d)
	}
	r.outage.local.Extend(ctx, key, owner, d)
	return mine || !asked, err // alone, nobody else can have it
}

// Unlock implements Store.
func (r *Redis) Unlock(ctx context.Context, key, owner string) error {
	asked, err := r.ask(ctx, func(ctx context.Context) error { return r.unlock(ctx, key, owner) })
	if !asked {
		r.outage.unlock(key, owner)
	}
	return errors.Join(err, r.outage.local.Unlock(ctx, key, owner))
}

func (r *Redis) unlock(ctx context.Context, key, owner string) error {
	return r.scripts.unlock.Run(ctx, r.client, []string{lockOf(key)}, owner).Err()
}

// Invalidate implements Store.
func (r *Redis) Invalidate(ctx context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	var generation int64
	var first bool
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		generation, first, err = r.invalidate(ctx, how, scopes, once)
		if once != "" && moving(err) {
			// A new key is elsewhere than the others. Twice is no harm.
			generation, first, err = r.invalidate(ctx, how, scopes, "")
		}
		return err
	})
	if !asked {
		r.outage.begin(errOutage) // at whose end the fleet is told, if there is none yet
		return r.outage.invalidate(ctx, how, scopes, once)
	}
	if err == nil {
		r.outage.local.note(raised(how, scopes, generation)...)
	}
	return generation, first, err
}

func (r *Redis) invalidate(ctx context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	keys := []string{r.generations(), redisGenerations}
	if slices.Contains(scopes, scopeEverything) {
		// It includes the other scopes, and is every tenant's.
		keys[0], scopes = redisGenerations, []string{scopeEverything}
	}
	if once != "" {
		keys = append(keys, r.onceKey(once))
	}
	args := []any{how.String(), r.outage.local.newest(), markLimit, onceFor.Milliseconds()}
	for _, scope := range scopes {
		args = append(args, scope)
	}
	answer, err := r.scripts.invalidate.Run(ctx, r.client, keys, args...).Int64Slice()
	if err != nil {
		return 0, false, err
	}
	if len(answer) != 2 {
		return 0, false, fmt.Errorf("invalidate: redis answered %v", answer)
	}
	return answer[0], answer[1] == 1, nil
}

// Tell implements Store.
func (r *Redis) Tell(ctx context.Context, list []Invalidation) error {
	_, err := r.ask(ctx, func(ctx context.Context) error { return r.tell(ctx, list) })
	return err
}

func (r *Redis) tell(ctx context.Context, list []Invalidation) error {
	channel := r.messages()
	if slices.ContainsFunc(list, func(i Invalidation) bool { return i.Scope == scopeEverything }) {
		channel = redisMessages
	}
	return r.client.Publish(ctx, channel, textOf(list)).Err()
}

// Invalidations implements Store.
func (r *Redis) Invalidations(ctx context.Context, above int64) ([]Invalidation, error) {
	if r.outage.joins() {
		above = 0
	}
	var found []redis.Z
	asked, err := r.ask(ctx, func(ctx context.Context) error {
		since := &redis.ZRangeBy{Min: "(" + strconv.FormatInt(above, 10), Max: "+inf"}
		pipe := r.client.Pipeline()
		own := pipe.ZRangeByScoreWithScores(ctx, r.generations(), since)
		everyones := pipe.ZRangeByScoreWithScores(ctx, redisGenerations, since)
		_, err := pipe.Exec(ctx)
		found = append(own.Val(), everyones.Val()...)
		return err
	})
	if !asked {
		return nil, errOutage
	}
	var list []Invalidation
	for _, z := range found {
		member, _ := z.Member.(string)
		how, scope, ok := strings.Cut(member, " ")
		if !ok {
			continue // only the newest generation of all tenants
		}
		list = append(list, Invalidation{scope, strengthOf(how), int64(z.Score)})
	}
	r.outage.local.note(list...)
	return list, err
}

func strengthOf(s string) Strength {
	if s == Hard.String() {
		return Hard
	}
	return Soft
}

// Now implements Store.
func (r *Redis) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		now, err = r.clock(ctx)
		return err
	})
	if !asked {
		return now, errOutage
	}
	if err == nil {
		r.outage.local.agree(now)
	}
	return now, err
}

// clock asks one server of a Cluster, the same each time: their clocks differ.
func (r *Redis) clock(ctx context.Context) (time.Time, error) {
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, redisGenerations)
		if err != nil {
			return time.Time{}, err
		}
		return master.Time(ctx).Result()
	}
	return r.client.Time(ctx).Result()
}
