package cache_test

import (
	"testing"

	"exchequer/cache"
)

// stores returns one of each kind, empty.
func stores(t *testing.T) map[string]cache.Store {
	t.Helper()
	return map[string]cache.Store{"memory": cache.NewMemory()}
}
