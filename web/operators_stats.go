package web

import (
	"context"
	"strconv"
	"strings"
	"time"

	"exchequer/cache"
)

// An answered is an operation's JSON.
type answered[T any] struct{ Body T }

func answerWith[T any](body T) *answered[T] { return &answered[T]{body} }

func quoted(text string) string { return strconv.Quote(text) }

type statsAnswer struct {
	Since   time.Time     `json:"since" doc:"Counts and latencies are from here on."`
	Process processAnswer `json:"process"`
	Shared  sharedAnswer  `json:"shared"`
	Memos   []memoAnswer  `json:"memos"`
}

type processAnswer struct {
	Name        string  `json:"name" example:"web-1:4242"`
	Bytes       int64   `json:"bytes" doc:"Of the values at the process level, as JSON."`
	Limit       int64   `json:"limitBytes"`
	Values      int     `json:"values"`
	ClockOffset float64 `json:"clockOffsetSeconds" doc:"The fleet's clock minus this process's; it is corrected for."`
}

type sharedAnswer struct {
	Kind      string        `json:"kind" enum:"memory,redis"`
	Away      bool          `json:"away" doc:"The process goes on without Redis."`
	AwaySince time.Time     `json:"awaySince,omitzero"`
	Reason    string        `json:"reason,omitempty"`
	Server    *serverAnswer `json:"server" doc:"null where the shared level is the process's own memory."`
}

type serverAnswer struct {
	Mode string `json:"mode" enum:"single,sentinel,cluster"`
	nodeAnswer
	Connections int          `json:"connections"`
	Idle        int          `json:"idle"`
	Timeouts    uint64       `json:"timeouts" doc:"Waits for a connection that took too long."`
	Nodes       []nodeAnswer `json:"nodes,omitempty" doc:"The masters of a Cluster; above are their sums and the slowest ping."`
}

type nodeAnswer struct {
	Address  string  `json:"address,omitempty"`
	Version  string  `json:"version,omitempty"`
	Role     string  `json:"role,omitempty"`
	Used     int64   `json:"usedBytes"`
	Limit    int64   `json:"limitBytes" doc:"0: none."`
	Eviction string  `json:"eviction,omitempty"`
	Ping     float64 `json:"pingSeconds"`
	Unknown  string  `json:"unknown,omitempty" doc:"Why the server does not say."`
}

type memoAnswer struct {
	Memo      string        `json:"memo"`
	Hits      uint64        `json:"hits" doc:"Readers served this window's value by the process level."`
	Shared    uint64        `json:"shared" doc:"By the shared level."`
	Stale     uint64        `json:"stale" doc:"Readers served an earlier value."`
	Misses    uint64        `json:"misses" doc:"Readers who waited for a producer."`
	Errors    uint64        `json:"errors" doc:"Readers who got nothing."`
	Refreshes uint64        `json:"refreshes" doc:"Runs of the producer that succeeded."`
	Failures  uint64        `json:"failures"`
	HitRatio  *float64      `json:"hitRatio" doc:"Of the last five minutes: readers who did not wait; null where there were none."`
	Asked     uint64        `json:"asked" doc:"Readers of the last five minutes."`
	Keys      int           `json:"keys" doc:"Asked for in the last two windows."`
	Circuit   string        `json:"circuit" enum:"closed,half-open,open"`
	Producer  latencyAnswer `json:"producer"`
	Store     latencyAnswer `json:"store" doc:"Loading and publishing at the shared level."`
}

type latencyAnswer struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"meanSeconds"`
	P50   float64 `json:"p50Seconds"`
	P95   float64 `json:"p95Seconds"`
	P99   float64 `json:"p99Seconds"`
}

func (s *server) cacheStats(ctx context.Context, _ *struct{}) (*answered[statsAnswer], error) {
	st := s.Cache.Stats(ctx)
	a := statsAnswer{
		Since:   st.Since,
		Process: processOf(st.Process),
		Shared:  sharedOf(st.Shared),
		Memos:   []memoAnswer{},
	}
	for _, m := range st.Memos {
		a.Memos = append(a.Memos, memoAnswer{
			m.Memo, m.Hits, m.Shared, m.Stale, m.Misses, m.Errors, m.Refreshes, m.Failures,
			ratioOf(m.HitRatio, m.Asked), m.Asked, m.Keys, m.Circuit, latencyOf(m.Producer), latencyOf(m.Store),
		})
	}
	return answerWith(a), nil
}

func processOf(p cache.ProcessStats) processAnswer {
	return processAnswer{p.Name, p.Bytes, p.Limit, p.Values, p.ClockOffset.Seconds()}
}

// ratioOf is null where nobody asked, when it says nothing.
func ratioOf(ratio float64, asked uint64) *float64 {
	if asked == 0 {
		return nil
	}
	return &ratio
}

func latencyOf(l cache.Latency) latencyAnswer {
	return latencyAnswer{l.Count, l.Mean.Seconds(), l.P50.Seconds(), l.P95.Seconds(), l.P99.Seconds()}
}

func sharedOf(s cache.SharedStats) sharedAnswer {
	a := sharedAnswer{Kind: s.Kind, Away: s.Away, AwaySince: s.Since, Reason: s.Reason}
	if s.Server != nil {
		a.Server = &serverAnswer{
			Mode: s.Server.Mode, nodeAnswer: nodeOf(s.Server.RedisNode),
			Connections: s.Server.Connections, Idle: s.Server.Idle, Timeouts: s.Server.Timeouts,
		}
		for _, n := range s.Server.Nodes {
			a.Server.Nodes = append(a.Server.Nodes, nodeOf(n))
		}
	}
	return a
}

func nodeOf(n cache.RedisNode) nodeAnswer {
	return nodeAnswer{n.Address, n.Version, n.Role, n.UsedMemory, n.MaxMemory, n.Eviction, n.Ping.Seconds(), n.Unknown}
}

type statusInput struct {
	Key string `query:"key" required:"true" minLength:"1" maxLength:"512" pattern:"^[^\\x00-\\x1f\\x7f]*$" doc:"MEMO:PARAMS, as in stats:personal:active; the memo alone where it has no parameters."`
}

type statusAnswer struct {
	Key      string        `json:"key"`
	StoreKey string        `json:"storeKey" doc:"As the shared level knows it."`
	Levels   []string      `json:"levels" doc:"Those that have a value: process, shared."`
	Away     bool          `json:"away" doc:"Redis is away: shared is what this process has of it."`
	Process  *processKnown `json:"process" doc:"null where this process knows nothing of the key."`
	Shared   *sharedKnown  `json:"shared" doc:"null where the shared level has nothing of the key."`
	Lock     *lockAnswer   `json:"lock" doc:"null where nobody computes it."`
}

type processKnown struct {
	Cached     bool      `json:"cached"`
	State      string    `json:"state" enum:"fresh,stale,degraded,forbidden,none"`
	Reason     string    `json:"reason,omitempty"`
	AsOf       time.Time `json:"asOf,omitzero"`
	WindowEnd  time.Time `json:"windowEnd,omitzero"`
	Generation int64     `json:"generation"`
	ComputedAt time.Time `json:"computedAt,omitzero"`
	Age        float64   `json:"ageSeconds" doc:"Since it was computed."`
	Bytes      int       `json:"bytes"`
}

type sharedKnown struct {
	Cached     bool      `json:"cached"`
	AsOf       time.Time `json:"asOf,omitzero"`
	WindowEnd  time.Time `json:"windowEnd,omitzero"`
	Generation int64     `json:"generation"`
	ComputedAt time.Time `json:"computedAt,omitzero"`
	Age        float64   `json:"ageSeconds" doc:"Since it was computed."`
	Took       float64   `json:"tookSeconds"`
	SoftUntil  time.Time `json:"softUntil,omitzero"`
	SoftLeft   float64   `json:"softLeftSeconds" doc:"Negative: it has passed."`
	HardUntil  time.Time `json:"hardUntil,omitzero"`
	HardLeft   float64   `json:"hardLeftSeconds"`
	Failures   int       `json:"failures" doc:"In a row, to replace the value."`
	RetryAt    time.Time `json:"retryAt,omitzero"`
	Reason     string    `json:"reason,omitempty"`
	Bytes      int       `json:"bytes" doc:"Of the blob as it is kept."`

	Invalidated string `json:"invalidated,omitempty" enum:"soft,hard" doc:"Since it was computed: soft (stale) or hard (not shown again)."`
}

type lockAnswer struct {
	Owner string  `json:"owner" doc:"Host and pid."`
	Left  float64 `json:"leftSeconds"`
}

func (s *server) cacheStatus(ctx context.Context, in *statusInput) (*answered[statusAnswer], error) {
	memo, params, _ := strings.Cut(in.Key, ":")
	st, err := s.Cache.Status(ctx, memo, params)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	now := s.Cache.Now()
	since := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return now.Sub(t).Seconds()
	}
	a := statusAnswer{Key: st.Key, StoreKey: st.StoreKey, Levels: []string{}, Away: st.Away}
	if p := st.Process; p != nil {
		a.Process = &processKnown{
			p.Cached, p.State, p.Reason, p.Window.Start, p.Window.End, p.Generation, p.ComputedAt, since(p.ComputedAt), p.Bytes,
		}
		if p.Cached {
			a.Levels = append(a.Levels, "process")
		}
	}
	if st.Bytes > 0 || st.Reason != "" {
		a.Shared = &sharedKnown{
			st.Cached, st.Window.Start, st.Window.End, st.Generation, st.ComputedAt, since(st.ComputedAt), st.Took.Seconds(),
			st.SoftUntil, -since(st.SoftUntil), st.HardUntil, -since(st.HardUntil), st.Failures, st.RetryAt, st.Reason, st.Bytes, st.Invalidated,
		}
	}
	if st.Cached {
		a.Levels = append(a.Levels, "shared")
	}
	if st.Lock != nil {
		a.Lock = &lockAnswer{st.Lock.Owner, st.Lock.Left.Seconds()}
	}
	return answerWith(a), nil
}
