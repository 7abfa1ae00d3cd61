package testkit

import (
	"testing"
	"time"
)

func TestARedisServerCanBeKilledAndStartedEmptyOrWithItsData(t *testing.T) {
	for setting, want := range map[string]string{"appendonly no": "$-1", "appendonly yes": "$2"} {
		s := Redis(t, setting, "appendfsync always")
		if _, err := s.Do("SET", "key", "42"); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if _, err := s.Do("PING"); err == nil {
			t.Error("a killed server answers")
		}
		s.Start()
		if got, err := s.Do("GET", "key"); got != want || err != nil {
			t.Errorf("%s: GET after a restart = %q, %v, want %q", setting, got, err, want)
		}
	}
}

func TestASlotOfTheClusterCanBeMovedAndItsMasterReplaced(t *testing.T) {
	t.Parallel()
	began := time.Now()
	c := RedisCluster(t)
	t.Logf("whole after %v", time.Since(began))
	const key = "{town}:key"
	holds := func(when string) {
		t.Helper()
		master := c.Master(key)
		if got, err := master.text("GET", key); got != "42" || err != nil {
			t.Errorf("%s: GET = %q, %v, want 42", when, got, err)
		}
	}
	first := c.Master(key)
	c.must(first, "SET", key, "42")
	c.must(first, "WAIT", 1, 1000)
	c.Move(key, 0)
	if second := c.Master(key); second == first {
		t.Error("the slot was not moved")
	}
	holds("moved")
	c.must(c.Master(key), "WAIT", 1, 1000)
	c.Failover(key)
	holds("after a failover in order")
	c.Heal()
	last := c.Master(key)
	last.Kill()
	c.Await(key, last)
	holds("after its master was killed")
	last.Start()
	c.Heal()
}

func TestASentinelGroupReplacesItsMaster(t *testing.T) {
	t.Parallel()
	began := time.Now()
	g := RedisSentinel(t)
	t.Logf("whole after %v", time.Since(began))
	first := g.Master()
	if _, err := first.Do("SET", "key", "42"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Ask("WAIT", 1, 1000); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	second := g.Await(first)
	if got, err := second.text("GET", "key"); got != "42" || err != nil {
		t.Errorf("GET at the successor = %q, %v, want 42", got, err)
	}
}
