package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"exchequer/cache"
)

func printStats(out io.Writer, a cache.Stats) error {
	w := table(out)
	row(w, "counted by", a.Process.Name+" since "+formatTime(a.Since))
	row(w, "process", processLine(a.Process))
	printShared(w, a.Shared)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = table(out)
	row(w, "memo", "hits", "shared", "stale", "misses", "errors", "5 min", "keys", "runs", "failed", "run p50 / p95", "store p50 / p95", "circuit")
	for _, m := range a.Memos {
		row(w, m.Memo, formatCount(m.Hits), formatCount(m.Shared), formatCount(m.Stale), formatCount(m.Misses), formatCount(m.Errors), formatRatio(m.HitRatio), strconv.Itoa(m.Keys),
			formatCount(m.Refreshes), formatCount(m.Failures), formatLatency(m.Producer), formatLatency(m.Store), m.Circuit)
	}
	return w.Flush()
}

func formatLatency(l cache.Latency) string {
	if l.Count == 0 {
		return "-"
	}
	return formatSeconds(l.P50) + " / " + formatSeconds(l.P95)
}

func processLine(p cache.ProcessStats) string {
	clock := "clock " + formatSeconds(p.ClockOffset) + " behind the fleet's"
	if p.ClockOffset < 0 {
		clock = "clock " + formatSeconds(-p.ClockOffset) + " ahead of the fleet's"
	}
	return fmt.Sprintf("%d values, %s of %s; %s", p.Values, formatBytes(p.Bytes), formatBytes(p.Limit), clock)
}

func printShared(w io.Writer, a cache.SharedStats) {
	if a.Kind != "redis" {
		row(w, "shared", "this process's own memory")
		return
	}
	if a.Down {
		row(w, "redis", "down since "+formatTime(a.DownSince)+": "+a.Reason)
	}
	s := a.Server
	if s == nil {
		return
	}
	pool := fmt.Sprintf("%d connections, %d idle, %d timeouts", s.Connections, s.Idle, s.Timeouts)
	if a.Down {
		row(w, "", s.Mode+"; "+pool)
		return
	}
	row(w, "redis", s.Mode+" "+nodeLine(s.RedisNode)+"; "+pool)
	for _, n := range s.Nodes {
		row(w, "", n.Address+" "+nodeLine(n))
	}
}

func nodeLine(n cache.RedisNode) string {
	var parts []string
	if n.Version != "" {
		limit := "no limit"
		if n.MaxMemory > 0 {
			limit = "of " + formatBytes(n.MaxMemory) + " at most"
		}
		parts = append(parts, n.Version+" "+n.Role, formatBytes(n.UsedMemory)+" used, "+limit+" ("+n.Eviction+")")
	}
	if n.Unknown != "" {
		parts = append(parts, "the rest is unknown: "+n.Unknown)
	}
	if n.Ping > 0 {
		parts = append(parts, "ping "+formatSeconds(n.Ping))
	}
	return strings.Join(parts, "; ")
}

func printPolicies(out io.Writer, policies []cache.NamedPolicy) error {
	w := table(out)
	row(w, "memo", "window", "soft", "hard", "timeout", "tags")
	for _, p := range policies {
		row(w, p.Memo, formatSeconds(p.Window), formatSeconds(p.Soft), formatSeconds(p.Hard), formatSeconds(p.Timeout), strings.Join(p.Tags, ", "))
	}
	return w.Flush()
}

func copyLine(c cache.Copy) string {
	if !c.Cached {
		return "no value"
	}
	return fmt.Sprintf("as of %s, computed %s ago, %s, generation %d", formatTime(c.AsOf), formatSeconds(c.Age), formatBytes(int64(c.Bytes)), c.Generation)
}

func printStatus(out io.Writer, a cache.Status) error {
	w := table(out)
	row(w, "key", a.Key)
	row(w, "blob key", a.StoreKey)
	if p := a.Process; p == nil {
		row(w, "process", "not held")
	} else {
		row(w, "process", p.State+"; "+copyLine(p.Copy))
		if p.Reason != "" {
			row(w, "", p.Reason)
		}
	}
	if a.Down {
		row(w, "shared", "unknown, since Redis is down")
		row(w, "lock", "unknown")
		return w.Flush()
	}
	if s := a.Shared; s == nil {
		row(w, "shared", "nothing")
	} else {
		row(w, "shared", copyLine(s.Copy))
		if s.Cached {
			row(w, "", "computed in "+formatSeconds(s.Took)+"; "+serves(s))
		}
		if s.Failures > 0 || s.Reason != "" {
			// A failure extends the soft limit of a value that is still shown.
			again := s.RetryAt
			if s.Invalidated == "" && s.SoftUntil.After(again) {
				again = s.SoftUntil
			}
			row(w, "", fmt.Sprintf("failures in a row: %d; not tried again before %s: %s", s.Failures, formatTime(again), cmp.Or(s.Reason, "-")))
		}
	}
	if l := a.Lock; l == nil {
		row(w, "lock", "no process computes it")
	} else {
		row(w, "lock", l.Owner+" computes it; its lease ends in "+formatSeconds(l.Left)+" unless extended")
	}
	return w.Flush()
}

// serves describes how long a value is fresh and how long it is shown.
func serves(s *cache.SharedStatus) string {
	shown := "shown " + formatLeft(s.HardLeft)
	switch {
	case s.Invalidated == "soft":
		return "stale, since it was invalidated; " + shown
	case s.Invalidated == "hard":
		return "forbidden, since it was invalidated; not shown"
	case s.Reason != "":
		return "degraded; " + shown
	default:
		return "fresh " + formatLeft(s.SoftLeft) + "; " + shown
	}
}

func printKeys(out io.Writer, a cache.Keys) error {
	w := table(out)
	row(w, "key", "state", "as of", "age", "bytes", "refresh", "reason")
	for _, k := range a.Keys {
		asOf, age, bytes, refresh := "-", "-", "-", "-"
		if k.Cached {
			asOf, age, bytes = formatTime(k.AsOf), formatSeconds(k.Age), formatBytes(int64(k.Bytes))
		}
		if k.Refreshing {
			refresh = "running"
		}
		row(w, k.Key, k.State, asOf, age, bytes, refresh, cmp.Or(k.Reason, "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d of %d keys\n", len(a.Keys), a.Total)
	return nil
}

func printHealth(out io.Writer, h cache.HealthReport) error {
	fmt.Fprintf(out, "%s; the shared level is in %s\n\n", h.Status, h.Shared.Kind)
	w := table(out)
	row(w, "memo", "5 min", "keys", "degraded", "circuit")
	for _, m := range h.Memos {
		row(w, m.Memo, formatRatio(m.HitRatio), strconv.Itoa(m.Keys), strconv.Itoa(m.Degraded), m.Circuit)
	}
	return w.Flush()
}

// table returns a writer that aligns columns.
func table(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }

func formatCount(n uint64) string { return strconv.FormatUint(n, 10) }

// formatRatio returns a ratio in percent, "-" if there is none.
func formatRatio(ratio *float64) string {
	if ratio == nil {
		return "-"
	}
	return strconv.FormatFloat(100**ratio, 'f', 1, 64) + " %"
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// formatSeconds returns a duration with a unit, to three digits.
func formatSeconds(s cache.Seconds) string {
	seconds := float64(s)
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

// formatLeft returns a time from now, in the future or in the past.
func formatLeft(seconds cache.Seconds) string {
	if seconds < 0 {
		return "until " + formatSeconds(-seconds) + " ago"
	}
	return "for " + formatSeconds(seconds)
}

// formatBytes returns a number of bytes with a unit.
func formatBytes(n int64) string {
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
