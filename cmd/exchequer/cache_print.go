package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// What is read here of the server's answers is what is printed for people.

type statsAnswer struct {
	Since   time.Time     `json:"since"`
	Process processAnswer `json:"process"`
	Shared  sharedAnswer  `json:"shared"`
	Memos   []struct {
		Memo      string   `json:"memo"`
		Hits      uint64   `json:"hits"`
		Shared    uint64   `json:"shared"`
		Stale     uint64   `json:"stale"`
		Misses    uint64   `json:"misses"`
		Errors    uint64   `json:"errors"`
		Refreshes uint64   `json:"refreshes"`
		Failures  uint64   `json:"failures"`
		HitRatio  *float64 `json:"hitRatio"`
		Keys      int      `json:"keys"`
		Circuit   string   `json:"circuit"`
		Producer  latency  `json:"producer"`
		Store     latency  `json:"store"`
	} `json:"memos"`
}

type processAnswer struct {
	Name        string  `json:"name"`
	Bytes       int64   `json:"bytes"`
	Limit       int64   `json:"limitBytes"`
	Values      int     `json:"values"`
	ClockOffset float64 `json:"clockOffsetSeconds"`
}

type sharedAnswer struct {
	Kind      string        `json:"kind"`
	Away      bool          `json:"away"`
	AwaySince time.Time     `json:"awaySince"`
	Reason    string        `json:"reason"`
	Server    *serverAnswer `json:"server"`
}

type serverAnswer struct {
	nodeAnswer
	Mode        string       `json:"mode"`
	Connections int          `json:"connections"`
	Idle        int          `json:"idle"`
	Timeouts    uint64       `json:"timeouts"`
	Nodes       []nodeAnswer `json:"nodes"`
}

type nodeAnswer struct {
	Address  string  `json:"address"`
	Version  string  `json:"version"`
	Role     string  `json:"role"`
	Used     int64   `json:"usedBytes"`
	Limit    int64   `json:"limitBytes"`
	Eviction string  `json:"eviction"`
	Ping     float64 `json:"pingSeconds"`
	Unknown  string  `json:"unknown"`
}

type latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50Seconds"`
	P95   float64 `json:"p95Seconds"`
}

func (l latency) String() string {
	if l.Count == 0 {
		return "-"
	}
	return span(l.P50) + " / " + span(l.P95)
}

func (a statsAnswer) print(out io.Writer) error {
	w := table(out)
	row(w, "counted by", a.Process.Name+" since "+moment(a.Since))
	row(w, "process", a.Process.String())
	a.Shared.print(w)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = table(out)
	row(w, "memo", "hits", "shared", "stale", "misses", "errors", "5 min", "keys", "runs", "failed", "run p50 / p95", "store p50 / p95", "circuit")
	for _, m := range a.Memos {
		row(w, m.Memo, count(m.Hits), count(m.Shared), count(m.Stale), count(m.Misses), count(m.Errors), share(m.HitRatio), strconv.Itoa(m.Keys),
			count(m.Refreshes), count(m.Failures), m.Producer.String(), m.Store.String(), m.Circuit)
	}
	return w.Flush()
}

func (p processAnswer) String() string {
	clock := "clock " + span(p.ClockOffset) + " behind the fleet's"
	if p.ClockOffset < 0 {
		clock = "clock " + span(-p.ClockOffset) + " ahead of the fleet's"
	}
	return fmt.Sprintf("%d values, %s of %s; %s", p.Values, size(p.Bytes), size(p.Limit), clock)
}

func (a sharedAnswer) print(w io.Writer) {
	if a.Kind != "redis" {
		row(w, "shared", "this process's own memory")
		return
	}
	if a.Away {
		row(w, "redis", "away since "+moment(a.AwaySince)+": "+a.Reason)
	}
	s := a.Server
	if s == nil {
		return
	}
	pool := fmt.Sprintf("%d connections, %d idle, %d waited for in vain", s.Connections, s.Idle, s.Timeouts)
	if a.Away {
		row(w, "", s.Mode+"; "+pool)
		return
	}
	row(w, "redis", s.Mode+" "+s.String()+"; "+pool)
	for _, n := range s.Nodes {
		row(w, "", n.Address+" "+n.String())
	}
}

func (n nodeAnswer) String() string {
	var told []string
	if n.Version != "" {
		limit := "no limit"
		if n.Limit > 0 {
			limit = "of " + size(n.Limit) + " at most"
		}
		told = append(told, n.Version+" "+n.Role, size(n.Used)+" used, "+limit+" ("+n.Eviction+")")
	}
	if n.Unknown != "" {
		told = append(told, "it does not say more: "+n.Unknown)
	}
	if n.Ping > 0 {
		told = append(told, "ping "+span(n.Ping))
	}
	return strings.Join(told, "; ")
}

type policiesAnswer struct {
	Policies []struct {
		Memo    string   `json:"memo"`
		Window  float64  `json:"windowSeconds"`
		Soft    float64  `json:"softSeconds"`
		Hard    float64  `json:"hardSeconds"`
		Timeout float64  `json:"timeoutSeconds"`
		Tags    []string `json:"tags"`
	} `json:"policies"`
}

func (a policiesAnswer) print(out io.Writer) error {
	w := table(out)
	row(w, "memo", "window", "soft", "hard", "timeout", "tags")
	for _, p := range a.Policies {
		row(w, p.Memo, span(p.Window), span(p.Soft), span(p.Hard), span(p.Timeout), strings.Join(p.Tags, ", "))
	}
	return w.Flush()
}

type statusAnswer struct {
	Key      string `json:"key"`
	StoreKey string `json:"storeKey"`
	Away     bool   `json:"away"`
	Process  *struct {
		knownAnswer
		State string `json:"state"`
	} `json:"process"`
	Shared *struct {
		knownAnswer
		Took     float64   `json:"tookSeconds"`
		SoftLeft float64   `json:"softLeftSeconds"`
		HardLeft float64   `json:"hardLeftSeconds"`
		Failures int       `json:"failures"`
		RetryAt  time.Time `json:"retryAt"`

		SoftUntil   time.Time `json:"softUntil"`
		Invalidated string    `json:"invalidated"`
	} `json:"shared"`
	Lock *struct {
		Owner string  `json:"owner"`
		Left  float64 `json:"leftSeconds"`
	} `json:"lock"`
}

type knownAnswer struct {
	Cached     bool      `json:"cached"`
	AsOf       time.Time `json:"asOf"`
	Generation int64     `json:"generation"`
	Age        float64   `json:"ageSeconds"`
	Reason     string    `json:"reason"`
	Bytes      int64     `json:"bytes"`
}

func (k knownAnswer) String() string {
	if !k.Cached {
		return "no value"
	}
	return fmt.Sprintf("as of %s, computed %s ago, %s, generation %d", moment(k.AsOf), span(k.Age), size(k.Bytes), k.Generation)
}

func (a statusAnswer) print(out io.Writer) error {
	w := table(out)
	row(w, "key", a.Key)
	row(w, "blob key", a.StoreKey)
	if p := a.Process; p == nil {
		row(w, "process", "not asked here")
	} else {
		row(w, "process", p.State+"; "+p.String())
		if p.Reason != "" {
			row(w, "", p.Reason)
		}
	}
	where := "shared"
	if a.Away {
		where = "own copy" // Redis is away
	}
	if s := a.Shared; s == nil {
		row(w, where, "nothing")
	} else {
		row(w, where, s.String())
		if s.Cached {
			fresh, shown := "fresh "+left(s.SoftLeft), "shown "+left(s.HardLeft)
			switch {
			case s.Invalidated == "soft":
				fresh = "stale, since it was invalidated"
			case s.Invalidated == "hard":
				fresh, shown = "forbidden, since it was invalidated", "not shown"
			case s.Reason != "":
				fresh = "degraded"
			}
			row(w, "", "computed in "+span(s.Took)+"; "+fresh+"; "+shown)
		}
		if s.Failures > 0 || s.Reason != "" {
			// A failure puts the soft limit off where there is a value to show.
			again := s.RetryAt
			if s.Invalidated == "" && s.SoftUntil.After(again) {
				again = s.SoftUntil
			}
			row(w, "", fmt.Sprintf("failures in a row: %d; not tried again before %s: %s", s.Failures, moment(again), cmp.Or(s.Reason, "-")))
		}
	}
	if l := a.Lock; l == nil {
		row(w, "lock", "nobody computes it")
	} else {
		row(w, "lock", l.Owner+" computes it; its lease ends in "+span(l.Left)+" unless extended")
	}
	return w.Flush()
}

type healthAnswer struct {
	Status  string       `json:"status"`
	Reasons []string     `json:"reasons"`
	Shared  sharedAnswer `json:"shared"`
	Memos   []struct {
		Memo     string   `json:"memo"`
		HitRatio *float64 `json:"hitRatio"`
		Keys     int      `json:"keys"`
		Degraded int      `json:"degraded"`
		Circuit  string   `json:"circuit"`
	} `json:"memos"`
}

func (a healthAnswer) print(out io.Writer) error {
	fmt.Fprintf(out, "%s; the shared level is in %s\n\n", a.Status, a.Shared.Kind)
	w := table(out)
	row(w, "memo", "5 min", "keys", "degraded", "circuit")
	for _, m := range a.Memos {
		row(w, m.Memo, share(m.HitRatio), strconv.Itoa(m.Keys), strconv.Itoa(m.Degraded), m.Circuit)
	}
	return w.Flush()
}

// table aligns columns.
func table(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// share is a ratio in percent, "-" where there is none.
func share(ratio *float64) string {
	if ratio == nil {
		return "-"
	}
	return strconv.FormatFloat(100**ratio, 'f', 1, 64) + " %"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// span is a duration to three digits.
func span(seconds float64) string {
	for _, unit := range []struct {
		below, is float64
		name      string
	}{{0.9995e-3, 1e-6, "µs"}, {0.9995, 1e-3, "ms"}, {120, 1, "s"}, {2 * 3600, 60, "min"}, {48 * 3600, 3600, "h"}} {
		if seconds != 0 && seconds < unit.below {
			return strconv.FormatFloat(seconds/unit.is, 'g', 3, 64) + " " + unit.name
		}
	}
	if seconds == 0 {
		return "0 s"
	}
	days := strconv.FormatFloat(seconds/86400, 'f', 1, 64)
	return strings.TrimSuffix(days, ".0") + " days"
}

// left is a time that is yet to come, or has passed.
func left(seconds float64) string {
	if seconds < 0 {
		return "until " + span(-seconds) + " ago"
	}
	return "for " + span(seconds)
}

// size is a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return strconv.FormatFloat(float64(n)/(1<<10), 'f', 1, 64) + " KiB"
	case n < 1<<30:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB"
	default:
		return strconv.FormatFloat(float64(n)/(1<<30), 'f', 1, 64) + " GiB"
	}
}
