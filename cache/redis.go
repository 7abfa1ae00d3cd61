package cache

import (
	"context"
	"errors"
	"fmt"
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
	mode     string // as in RedisStats
	scripts  scripts
	patience patience
	outage   *outage
}

const (
	redisConnections = 32
	redisMessages    = "exchequer:messages"
	redisGenerations = "exchequer:generations"
)

// NewRedis returns a store on the servers of the options, whose timeouts and
// retries it sets itself. It connects at its first use. Close it after the
// caches that use it.
func NewRedis(o redis.UniversalOptions) *Redis {
	// The library's own defaults take seconds to give up.
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = redisPatience, redisPatience, redisPatience, redisPatience
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize = max(o.PoolSize, redisConnections)
	r := &Redis{client: redis.NewUniversalClient(&o), mode: "single", scripts: newScripts()}
	if _, cluster := r.client.(*redis.ClusterClient); cluster {
		r.mode = "cluster"
	} else if o.MasterName != "" {
		r.mode = "sentinel"
	}
	r.outage = newOutage(r)
	return r
}

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

// ask calls Redis within the patience, unless there is an outage. It returns
// false when the caller is to ask the process's own memory instead.
func (r *Redis) ask(ctx context.Context, f func(context.Context) error) (bool, error) {
	if r.outage.on() {
		return false, nil
	}
	began := time.Now()
	bounded, cancel := context.WithTimeout(ctx, r.patience.left())
	defer cancel()
	err := f(bounded)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		if !r.patience.lasts(began) {
			r.outage.begin(errRedisSlow)
		}
		return true, nil
	case ctx.Err() != nil:
		return true, err // the caller's doing
	}
	r.outage.begin(err)
	return false, nil
}

func lockOf(key string) string { return key + ":lock" }

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
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		done, err = r.publish(ctx, p)
		return err
	})
	// What was published is kept here as well: Redis may lose it.
	if !asked || done {
		return r.outage.local.put(p), err
	}
	return done, err
}

func (r *Redis) publish(ctx context.Context, p Publication) (bool, error) {
	// Lua's numbers are exact up to 2^53: microseconds fit.
	return r.scripts.publish.Run(ctx, r.client, []string{p.Key, lockOf(p.Key)},
		p.Owner, p.Window/1000, p.Generation, p.Blob, max(p.Keep.Milliseconds(), 1), redisMessages, "ready "+p.Key).Bool()
}

// Lock implements Store.
func (r *Redis) Lock(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	var won bool
	asked, err := r.ask(ctx, func(ctx context.Context) error {
		status, err := r.client.SetArgs(ctx, lockOf(key), owner, redis.SetArgs{Mode: "NX", TTL: d}).Result()
		won = err == nil && status == "OK"
		return err
	})
	if !asked {
		return r.outage.local.Lock(ctx, key, owner, d)
	}
	return won, err
}

// Extend implements Store.
func (r *Redis) Extend(ctx context.Context, key, owner string, d time.Duration) (bool, error) {
	var mine bool
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		mine, err = r.scripts.extend.Run(ctx, r.client, []string{lockOf(key)}, owner, d.Milliseconds()).Bool()
		return err
	})
	if !asked {
		return true, nil // alone, nobody else can have it
	}
	return mine, err
}

// Unlock implements Store.
func (r *Redis) Unlock(ctx context.Context, key, owner string) error {
	_, err := r.ask(ctx, func(ctx context.Context) error {
		return r.scripts.unlock.Run(ctx, r.client, []string{lockOf(key)}, owner).Err()
	})
	return errors.Join(err, r.outage.local.Unlock(ctx, key, owner))
}

// Invalidate implements Store.
func (r *Redis) Invalidate(ctx context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	var generation int64
	var first bool
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		generation, first, err = r.invalidate(ctx, how, scopes, once)
		return err
	})
	if !asked {
		return r.outage.invalidate(ctx, how, scopes, once)
	}
	if err == nil {
		r.outage.local.note(raised(how, scopes, generation)...)
	}
	return generation, first, err
}

func (r *Redis) invalidate(ctx context.Context, how Strength, scopes []string, once string) (int64, bool, error) {
	keys := []string{redisGenerations}
	if once != "" {
		keys = append(keys, "{"+redisGenerations+"}:once:"+once)
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
	return r.client.Publish(ctx, redisMessages, textOf(list)).Err()
}

// Invalidations implements Store.
func (r *Redis) Invalidations(ctx context.Context, above int64) ([]Invalidation, error) {
	var found []redis.Z
	asked, err := r.ask(ctx, func(ctx context.Context) (err error) {
		found, err = r.client.ZRangeByScoreWithScores(ctx, redisGenerations,
			&redis.ZRangeBy{Min: "(" + strconv.FormatInt(above, 10), Max: "+inf"}).Result()
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
			continue
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
		now, err = r.client.Time(ctx).Result()
		return err
	})
	if !asked {
		return now, errOutage
	}
	return now, err
}
