package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"exchequer/cache"
)

// A Store is a space of keys on Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	space   string
	mode    string // as in cache.RedisStats
	scripts scripts
}

const (
	poolSize = 32
	// Contexts bound the calls. These timeouts are for what has none.
	clientTimeout  = 5 * time.Second
	clusterTimeout = time.Second // of the Cluster client's own commands, which ignore contexts

	markLimit = 10_000      // invalidations that are kept
	onceFor   = time.Minute // that the name of an invalidation is kept

	// Shared by all spaces, for the invalidation of everything. Those of one space
	// have ":" and its name at the end.
	sharedChannel     = "exchequer:messages"
	sharedGenerations = "exchequer:{generations}"
	scopeAll          = "all"
)

var _ cache.Remote = (*Store)(nil)

// New returns the store of a space on the servers of the options. It sets their
// timeouts and retries itself, and connects at its first use. The caller closes
// it after the caches that use it. A space is a tenant, see [CheckTenant],
// optionally with a colon and more that keeps deployments apart.
func New(o redis.UniversalOptions, space string) *Store {
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = clientTimeout, clientTimeout, clientTimeout, clientTimeout
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PoolSize, o.PipelinePoolSize = max(o.PoolSize, poolSize), -1
	s := &Store{space: space, mode: "single", scripts: newScripts()}
	if o.IsClusterMode || len(o.Addrs) > 1 && o.MasterName == "" {
		cluster := o.Cluster()
		cluster.DialTimeout, cluster.ReadTimeout, cluster.WriteTimeout = clusterTimeout, clusterTimeout, clusterTimeout
		cluster.DisableRoutingPolicies = true // they would load the table of all commands first
		s.client, s.mode = redis.NewClusterClient(cluster), "cluster"
	} else {
		s.client = redis.NewUniversalClient(&o)
	}
	if o.MasterName != "" {
		s.mode = "sentinel"
	}
	return s
}

// Instrument lets a function add hooks to the client, before its first use.
func (s *Store) Instrument(with func(redis.UniversalClient) error) error { return with(s.client) }

// Mode returns the kind of deployment: "single", "sentinel" or "cluster".
func (s *Store) Mode() string { return s.mode }

// Close ends the connections.
func (s *Store) Close() error {
	if err := s.client.Close(); err != nil {
		return fmt.Errorf("close redis: %w", err)
	}
	return nil
}

// wrap returns an error of the client as [cache.Store] defines it.
func wrap(err error) error {
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case isMoving(err), isForeign(err):
		return fmt.Errorf("%w: %w", cache.ErrKey, err)
	default:
		return err
	}
}

// isMoving reports whether an error is that a slot of a Cluster is moving, so
// that the keys of a script are on two nodes.
func isMoving(err error) bool {
	_, ask := redis.IsAskError(err)
	_, moved := redis.IsMovedError(err)
	return ask || moved || redis.IsTryAgainError(err)
}

// isForeign reports whether an error is about the content of a key, which another
// program must have written: its type is wrong, or a script fails on it.
func isForeign(err error) bool {
	text := err.Error()
	return strings.Contains(text, "WRONGTYPE") || strings.HasPrefix(text, "ERR ") && strings.Contains(text, "user_script:")
}

func lockKey(key string) string             { return key + ":lock" }
func (s *Store) channel() string            { return sharedChannel + ":" + s.space }
func (s *Store) generationsKey() string     { return sharedGenerations + ":" + s.space }
func (s *Store) onceKey(name string) string { return s.generationsKey() + ":once:" + name }

// Load implements [cache.Store].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	blob, err := s.client.HGet(ctx, key, "blob").Bytes()
	return blob, wrap(err)
}

// Publish implements [cache.Store].
func (s *Store) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	// Lua's numbers are exact up to 2^53: microseconds fit.
	done, err := s.scripts.publish.Run(ctx, s.client, []string{p.Key, lockKey(p.Key)},
		p.Owner, p.Window/1000, p.Generation, p.ReadAt/1000, p.Blob, max(p.Keep.Milliseconds(), 1), s.channel(), "ready "+p.Key).Bool()
	return done, wrap(err)
}

// Lock implements [cache.Store].
func (s *Store) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	won, err := s.scripts.lock.Run(ctx, s.client, []string{lockKey(key)}, owner, lease.Milliseconds()).Bool()
	return won, wrap(err)
}

// Extend implements [cache.Store].
func (s *Store) Extend(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	mine, err := s.scripts.extend.Run(ctx, s.client, []string{lockKey(key)}, owner, lease.Milliseconds()).Bool()
	return mine, wrap(err)
}

// Unlock implements [cache.Store].
func (s *Store) Unlock(ctx context.Context, key, owner string) error {
	return wrap(s.scripts.unlock.Run(ctx, s.client, []string{lockKey(key)}, owner).Err())
}

// Invalidate implements [cache.Store].
func (s *Store) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	generation, raised, err := s.invalidate(ctx, mode, scopes, above, once)
	if once != "" && errors.Is(err, cache.ErrKey) {
		// While a slot moves, a script cannot have a new key. Raising the generation
		// twice does no harm.
		return s.invalidate(ctx, mode, scopes, above, "")
	}
	return generation, raised, err
}

func (s *Store) invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	keys := []string{s.generationsKey(), sharedGenerations}
	if slices.Contains(scopes, scopeAll) {
		// It includes the other scopes, and concerns all tenants.
		keys[0], scopes = sharedGenerations, []string{scopeAll}
	}
	if once != "" {
		keys = append(keys, s.onceKey(once))
	}
	args := []any{mode.String(), above, markLimit, onceFor.Milliseconds()}
	for _, scope := range scopes {
		args = append(args, scope)
	}
	answer, err := s.scripts.invalidate.Run(ctx, s.client, keys, args...).Int64Slice()
	if err != nil {
		return 0, false, wrap(err)
	}
	if len(answer) != 2 {
		return 0, false, fmt.Errorf("invalidate: redis answered %v", answer)
	}
	return answer[0], answer[1] == 1, nil
}

// Invalidations implements [cache.Store].
func (s *Store) Invalidations(ctx context.Context, above int64) ([]cache.Invalidation, error) {
	since := &redis.ZRangeBy{Min: "(" + strconv.FormatInt(above, 10), Max: "+inf"}
	pipe := s.client.Pipeline()
	own := pipe.ZRangeByScoreWithScores(ctx, s.generationsKey(), since)
	all := pipe.ZRangeByScoreWithScores(ctx, sharedGenerations, since)
	if _, err := pipe.Exec(ctx); wrap(err) != nil {
		return nil, wrap(err)
	}
	var list []cache.Invalidation
	for _, z := range append(own.Val(), all.Val()...) {
		member, _ := z.Member.(string)
		mode, scope, ok := strings.Cut(member, " ")
		if !ok {
			continue // the highest generation of all tenants, without a scope
		}
		list = append(list, cache.Invalidation{Scope: scope, Mode: cache.ParseMode(mode), Generation: int64(z.Score)})
	}
	return list, nil
}

// restoreAtOnce bounds the invalidations of a call, and of a message.
const restoreAtOnce = 500

// Restore implements [cache.Store]. An empty list only replaces what another
// program has written in place of the invalidations.
func (s *Store) Restore(ctx context.Context, list []cache.Invalidation) error {
	for {
		some := list[:min(len(list), restoreAtOnce)]
		list = list[len(some):]
		var args []any
		for _, i := range some {
			args = append(args, i.Generation, i.Mode.String()+" "+i.Scope)
		}
		if err := s.scripts.restore.Run(ctx, s.client, []string{s.generationsKey(), sharedGenerations}, args...).Err(); wrap(err) != nil {
			return wrap(err)
		}
		if len(some) == 0 {
			return nil
		}
		// To this space only: a mark for all is what was trimmed here.
		if err := s.client.Publish(ctx, s.channel(), formatMessage(some)).Err(); err != nil {
			return wrap(err)
		}
		if len(list) == 0 {
			return nil
		}
	}
}

// Notify implements [cache.Store].
func (s *Store) Notify(ctx context.Context, list []cache.Invalidation) error {
	to := s.channel()
	if slices.ContainsFunc(list, func(i cache.Invalidation) bool { return i.Scope == scopeAll }) {
		to = sharedChannel
	}
	return wrap(s.client.Publish(ctx, to, formatMessage(list)).Err())
}

// Now implements [cache.Store]. Of a Cluster it always asks the same master,
// since their clocks differ.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		now, err := s.client.Time(ctx).Result()
		return now, wrap(err)
	}
	master, err := cluster.MasterForKey(ctx, sharedGenerations)
	if err != nil {
		return time.Time{}, err
	}
	now, err := master.Time(ctx).Result()
	return now, wrap(err)
}
