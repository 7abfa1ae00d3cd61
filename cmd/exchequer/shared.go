package main

import "exchequer/cache"

// sharedCacheFlags say what the processes of a fleet share their cache in.
type sharedCacheFlags struct {
	RedisURL     string `name:"redis-url" env:"REDIS_URL" help:"Redis to share the cache in: one server, a Sentinel group or a Cluster (docs/operations.md); one with a password belongs in the environment. Without it the cache is this process's own."`
	RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" type:"path" help:"File that holds the address of Redis."`
}

// store returns the store, which connects at its first use, and how to close
// it.
func (f sharedCacheFlags) store() (store cache.Store, closeStore func() error, err error) {
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
	redis := cache.NewRedis(options)
	return redis, redis.Close, nil
}
