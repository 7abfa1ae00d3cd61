package redisstore_test

import (
	"testing"

	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

func TestOperatorsSeeTheMastersOfACluster(t *testing.T) {
	t.Parallel()
	store := connect(t, testkit.RedisCluster(t).URL(), redisstore.Access{})
	got := store.Stats(t.Context()).Server
	if got.Mode != "cluster" || len(got.Nodes) != 3 || got.UsedMemory != got.Nodes[0].UsedMemory+got.Nodes[1].UsedMemory+got.Nodes[2].UsedMemory || got.UsedMemory == 0 || got.Nodes[0].Address == "" {
		t.Errorf("a Cluster: %+v", got)
	}
}
