package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"exchequer/cache"
	"exchequer/cache/pgjournal"
	"exchequer/cache/redisstore"
	"exchequer/internal/telemetry"
)

// sharedCacheFlags name the Redis in which the processes of a fleet share their
// cache.
type sharedCacheFlags struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" placeholder:"URL" help:"Redis to share the cache in: one server, a Sentinel group or a Cluster (docs/operations.md). Without it the cache is this process's own."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" type:"path" placeholder:"FILE" help:"File that holds the address of Redis."`

	RedisUsername             string `env:"REDIS_USERNAME" placeholder:"NAME" help:"User at Redis, instead of the one in its address."`
	RedisPassword             string `env:"REDIS_PASSWORD" placeholder:"SECRET" help:"Password at Redis, instead of the one in its address; belongs in the environment."`
	RedisPasswordFile         string `env:"REDIS_PASSWORD_FILE" type:"path" placeholder:"FILE" help:"File that holds the password."`
	RedisSentinelUsername     string `env:"REDIS_SENTINEL_USERNAME" placeholder:"NAME" help:"User at the sentinels, where they ask for one."`
	RedisSentinelPassword     string `env:"REDIS_SENTINEL_PASSWORD" placeholder:"SECRET" help:"Password at the sentinels; belongs in the environment."`
	RedisSentinelPasswordFile string `env:"REDIS_SENTINEL_PASSWORD_FILE" type:"path" placeholder:"FILE" help:"File that holds the password at the sentinels."`

	RedisCAFile   string `name:"redis-ca-file" env:"REDIS_CA_FILE" type:"path" placeholder:"FILE" help:"Certificates of the authority that signs Redis's (PEM), for rediss:// addresses. Without it the system's are trusted."`
	RedisCertFile string `name:"redis-cert-file" env:"REDIS_CERT_FILE" type:"path" placeholder:"FILE" help:"Our own certificate (PEM), where Redis asks for one."`
	RedisKeyFile  string `name:"redis-key-file" env:"REDIS_KEY_FILE" type:"path" placeholder:"FILE" help:"Key of our own certificate (PEM)."`
}

// A sharedCache is the configuration of the shared cache.
type sharedCache struct {
	options *redis.UniversalOptions // nil: the cache is the process's own
	tenant  string
}

// shared checks the flags and returns the configuration.
func (f sharedCacheFlags) shared(tenant string) (sharedCache, error) {
	s := sharedCache{tenant: tenant}
	if err := redisstore.CheckTenant(tenant); err != nil {
		return s, err
	}
	address, err := secret("REDIS_URL", f.RedisURL, f.RedisURLFile)
	if err != nil || address == "" {
		return s, err
	}
	options, err := redisstore.ParseURL(address)
	if err != nil {
		return s, err
	}
	access := redisstore.Access{
		Username: f.RedisUsername, SentinelUsername: f.RedisSentinelUsername,
		CAFile: f.RedisCAFile, CertFile: f.RedisCertFile, KeyFile: f.RedisKeyFile,
	}
	if access.Password, err = secret("REDIS_PASSWORD", f.RedisPassword, f.RedisPasswordFile); err != nil {
		return s, err
	}
	if access.SentinelPassword, err = secret("REDIS_SENTINEL_PASSWORD", f.RedisSentinelPassword, f.RedisSentinelPasswordFile); err != nil {
		return s, err
	}
	s.options = &options
	return s, access.Grant(&options)
}

// An openCache is a cache with its store.
type openCache struct {
	*cache.Cache
	redis string            // its mode, "memory" if there is none
	store *redisstore.Store // nil: there is none
	close func(context.Context) error
}

// open returns the cache of the numbers of a database.
func (s sharedCache) open(ctx context.Context, db *pgxpool.Pool, d cache.Deps, tracing *telemetry.Tracing) (openCache, error) {
	identity, err := pgjournal.Identity(ctx, db)
	if err != nil {
		return openCache{}, err
	}
	d.Tracer = tracing.Memos()
	d.Space, d.Journal = s.tenant+":"+identity, pgjournal.New(db)
	if s.options == nil {
		d.Store = cache.NewMemory()
		c := cache.New(d)
		return openCache{c, "memory", nil, c.Close}, nil
	}
	logging.Disable() // go-redis logs in a format of its own; the cache logs outages itself
	driver := redisstore.New(*s.options, d.Space)
	if err := driver.Instrument(tracing.Redis); err != nil {
		return openCache{}, errors.Join(err, driver.Close())
	}
	failover := cache.NewFailover(driver, d.Log)
	d.Store = failover
	c := cache.New(d)
	return openCache{c, driver.Mode(), driver, func(ctx context.Context) error {
		return errors.Join(c.Close(ctx), failover.Close())
	}}, nil
}
