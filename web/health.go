package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// healthCache answers with what everybody may know of the cache: no addresses,
// no reasons, which may name hosts. It asks nobody: neither Redis, which may
// hang, nor Postgres. The status is 200 even when the cache is degraded, since
// pages go on then: a probe that restarted the process would throw away the
// last numbers that it knows, and Redis would not be back for it.
func (s *server) healthCache(w http.ResponseWriter, _ *http.Request) error {
	health := s.Cache.Health()
	health.Shared.Reason = ""
	body, err := json.Marshal(health)
	if err != nil {
		return fmt.Errorf("health of the cache as JSON: %w", err)
	}
	h := w.Header()
	h["Cache-Control"] = noStore
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
}
