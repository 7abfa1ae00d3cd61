package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// healthCache answers with the public health of the cache: no addresses and no
// reasons, which may name hosts. It calls neither Redis, which may hang, nor
// Postgres. The status is 200 even when the cache is degraded, since pages still
// work: a probe that restarted the process would lose the last values that it
// holds, and would not bring Redis back.
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
