package testkit

import "testing"

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
