package main

import (
	"github.com/redis/go-redis/v9/logging"

	"exchequer/cache"
)

// sharedCacheFlags say what the processes of a fleet share their cache in.
type sharedCacheFlags struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" help:"Redis to share the cache in: one server, a Sentinel group or a Cluster (docs/operations.md); one with a password belongs in the environment. Without it the cache is this process's own."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" type:"path" help:"File that holds the address of Redis."`

	RedisUsername             string `env:"REDIS_USERNAME" help:"User at Redis, instead of the one in its address."`
	RedisPassword             string `env:"REDIS_PASSWORD" help:"Password at Redis, instead of the one in its address; belongs in the environment."`
	RedisPasswordFile         string `env:"REDIS_PASSWORD_FILE" type:"path" help:"File that holds the password."`
	RedisSentinelUsername     string `env:"REDIS_SENTINEL_USERNAME" help:"User at the sentinels, where they ask for one."`
	RedisSentinelPassword     string `env:"REDIS_SENTINEL_PASSWORD" help:"Password at the sentinels; belongs in the environment."`
	RedisSentinelPasswordFile string `env:"REDIS_SENTINEL_PASSWORD_FILE" type:"path" help:"File that holds the password at the sentinels."`

	RedisCAFile   string `name:"redis-ca-file" env:"REDIS_CA_FILE" type:"path" help:"Certificates of the authority that signs Redis's (PEM), for rediss:// addresses. Without it the system's are trusted."`
	RedisCertFile string `name:"redis-cert-file" env:"REDIS_CERT_FILE" type:"path" help:"Our own certificate (PEM), where Redis asks for one."`
	RedisKeyFile  string `name:"redis-key-file" env:"REDIS_KEY_FILE" type:"path" help:"Key of our own certificate (PEM)."`
}

// store returns the tenant's store, which connects at its first use, and how
// to close it.
func (f sharedCacheFlags) store(tenant string) (store cache.Store, closeStore func() error, err error) {
	if err := cache.CheckTenant(tenant); err != nil {
		return nil, nil, err
	}
	address, err := secret("REDIS_URL", f.RedisURL, f.RedisURLFile)
	if err != nil {
		return nil, nil, err
	}
	if address == "" {
		return cache.NewMemory(), func() error { return nil }, nil
	}
	options, err := cache.ParseRedisURL(address)
	if err != nil {
		return nil, nil, err
	}
	access := cache.RedisAccess{
		Username: f.RedisUsername, SentinelUsername: f.RedisSentinelUsername,
		CAFile: f.RedisCAFile, CertFile: f.RedisCertFile, KeyFile: f.RedisKeyFile,
	}
	if access.Password, err = secret("REDIS_PASSWORD", f.RedisPassword, f.RedisPasswordFile); err != nil {
		return nil, nil, err
	}
	if access.SentinelPassword, err = secret("REDIS_SENTINEL_PASSWORD", f.RedisSentinelPassword, f.RedisSentinelPasswordFile); err != nil {
		return nil, nil, err
	}
	if err := access.Grant(&options); err != nil {
		return nil, nil, err
	}
	logging.Disable() // of the library, whose lines are not in our form; the cache tells of outages itself
	redis := cache.NewRedis(options, tenant)
	return redis, redis.Close, nil
}

// redisMode is what a store is in: "memory" for the process's own.
func redisMode(store cache.Store) string {
	if redis, ok := store.(*cache.Redis); ok {
		return redis.Mode()
	}
	return "memory"
}
