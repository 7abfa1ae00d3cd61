package fleet_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const operatorToken = "0123456789abcdef0123456789abcdef"

// forbid invalidates a memo hard, as an operator does.
func (p *process) forbid(memo string) {
	p.t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"memo":%q,"how":"hard"}`, memo))
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/v1/cache/invalidate", body)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+operatorToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := newBrowser(p.t).Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		p.t.Fatalf("invalidate = %s", response.Status)
	}
}

// The process that forbids a value is cut off from Redis and killed. Redis still
// has the value, and its producer cannot run.
func TestWhatIsForbiddenStaysSoThoughItsProcessIsKilledWhileRedisIsFrozen(t *testing.T) {
	t.Parallel()
	db := sharedDatabase(t)
	f := newFleet(t, db, settled+",timeout:1s")
	f.env = append(f.env, "EXCHEQUER_OPERATOR_TOKEN="+operatorToken)
	const panel = "/economy/overview.json"
	wants := func(p *process, when string, status int) {
		t.Helper()
		if v := p.get(panel); v.status != status {
			t.Errorf("%s: process %s answers %d, want %d: %s", when, p.name, v.status, status, v.body)
		}
	}
	doomed := f.start(1)[0]
	wants(doomed, "computed", http.StatusOK)
	letGo := hold(t, db, "activity_hours")
	fresh := f.start(1)[0]
	wants(fresh, "found in Redis", http.StatusOK)

	f.redis.Freeze()
	doomed.forbid("economy.overview")
	doomed.kill()
	f.redis.Thaw()
	wants(f.start(1)[0], "forbidden, in a process that starts afterwards", http.StatusServiceUnavailable)
	eventually(t, "a process that runs on no longer shows it", func() error {
		if v := fresh.get(panel); v.status != http.StatusServiceUnavailable {
			return fmt.Errorf("it answers %d", v.status)
		}
		return nil
	})
	letGo()
	eventually(t, "it is computed anew", func() error {
		if v := fresh.get(panel); v.status != http.StatusOK {
			return fmt.Errorf("it answers %d: %s", v.status, v.body)
		}
		return nil
	})
}
