package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

// scripts are the steps that Redis runs atomically. Each server loads a script
// once, and runs it by its hash.
type scripts struct{ publish, lock, extend, unlock, invalidate, restore, count *redis.Script }

//go:embed scripts/publish.lua
var publishLua string

//go:embed scripts/lock.lua
var lockLua string

//go:embed scripts/extend.lua
var extendLua string

//go:embed scripts/unlock.lua
var unlockLua string

//go:embed scripts/invalidate.lua
var invalidateLua string

//go:embed scripts/restore.lua
var restoreLua string

//go:embed scripts/count.lua
var countLua string

func newScripts() scripts {
	return scripts{
		publish:    redis.NewScript(publishLua),
		lock:       redis.NewScript(lockLua),
		extend:     redis.NewScript(extendLua),
		unlock:     redis.NewScript(unlockLua),
		invalidate: redis.NewScript(invalidateLua),
		restore:    redis.NewScript(restoreLua),
		count:      redis.NewScript(countLua),
	}
}
