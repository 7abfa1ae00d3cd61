package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"exchequer/cache"
)

// healthAnswer is what everybody may know of the cache: no addresses, no
// reasons, which may name hosts.
type healthAnswer struct {
	Status      string       `json:"status" enum:"ok,degraded" doc:"degraded: it goes on without Redis, a refresh has failed, or a circuit is open."`
	Shared      sharedHealth `json:"shared"`
	ClockOffset float64      `json:"clockOffsetSeconds" doc:"The fleet's clock minus this process's; it is corrected for."`
	Memos       []memoHealth `json:"memos"`
}

type sharedHealth struct {
	Kind      string    `json:"kind" enum:"memory,redis"`
	Away      bool      `json:"away"`
	AwaySince time.Time `json:"awaySince,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

type memoHealth struct {
	Memo     string   `json:"memo"`
	HitRatio *float64 `json:"hitRatio" doc:"Of the last five minutes; null where nobody asked."`
	Keys     int      `json:"keys" doc:"Asked for in the last two windows."`
	Degraded int      `json:"degraded" doc:"Of these, those whose refresh failed: readers see earlier numbers with a reason, or none."`
	Circuit  string   `json:"circuit" enum:"closed,half-open,open"`
}

// healthCache says how the cache does. It asks nobody: neither Redis, which may
// hang, nor Postgres. The status is 200 even when the cache is degraded, since
// pages go on then: a probe that restarted the process would throw away the
// last numbers that it knows, and Redis would not be back for it.
func (s *server) healthCache(w http.ResponseWriter, _ *http.Request) error {
	a, _ := healthOf(s.Cache.Health())
	a.Shared.Reason = ""
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("health of the cache as JSON: %w", err)
	}
	h := w.Header()
	h["Cache-Control"] = noStore
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// healthOf also returns what is wrong, for operators, with the heading of
// docs/runbook.md that says what to do.
func healthOf(h cache.Health) (healthAnswer, []string) {
	reasons := []string{}
	a := healthAnswer{
		Status:      "ok",
		Shared:      sharedHealth{h.Shared.Kind, h.Shared.Away, h.Shared.Since, h.Shared.Reason},
		ClockOffset: h.ClockOffset.Seconds(),
		Memos:       []memoHealth{},
	}
	if h.Shared.Away {
		reasons = append(reasons, "going on without Redis: "+h.Shared.Reason+" (runbook: Redis is away)")
	}
	var failing, open, tried []string
	for _, m := range h.Memos {
		a.Memos = append(a.Memos, memoHealth{m.Memo, ratioOf(m.HitRatio, m.Asked), m.Keys, m.Degraded, m.Circuit})
		if m.Degraded > 0 {
			failing = append(failing, m.Memo)
		}
		switch m.Circuit {
		case "open":
			open = append(open, m.Memo)
		case "half-open":
			tried = append(tried, m.Memo)
		}
	}
	for _, wrong := range []struct {
		memos []string
		what  string
	}{
		{failing, "refresh failed (runbook: A producer fails)"},
		{open, "circuit open (runbook: A circuit is open)"},
		{tried, "circuit half-open (runbook: A circuit is open)"},
	} {
		switch n := len(wrong.memos); n {
		case 0:
		case 1:
			reasons = append(reasons, wrong.memos[0]+": "+wrong.what)
		default:
			reasons = append(reasons, fmt.Sprintf("%d memos: %s", n, wrong.what))
		}
	}
	if len(reasons) > 0 {
		a.Status = "degraded"
	}
	return a, reasons
}

type operatorsHealth struct {
	healthAnswer
	Reasons []string      `json:"reasons" doc:"What is wrong, and the heading of the runbook that says what to do. The memos are below."`
	Process processAnswer `json:"process"`
	Server  *serverAnswer `json:"server" doc:"Redis; null where the shared level is the process's own memory."`
}

func (s *server) cacheHealth(ctx context.Context, _ *struct{}) (*answered[operatorsHealth], error) {
	a, reasons := healthOf(s.Cache.Health())
	st := s.Cache.Stats(ctx)
	return answerWith(operatorsHealth{a, reasons, processOf(st.Process), sharedOf(st.Shared).Server}), nil
}
