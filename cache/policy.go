package cache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Policy is how long a memo's values are fresh and shown.
type Policy struct {
	Window  time.Duration // one computation serves this long
	Soft    time.Duration // a value is fresh this long after its window's start; Window if zero
	Hard    time.Duration // a value is shown this long after its window's start; 7 days if zero
	Timeout time.Duration // of one producer run; 15 s if zero
}

const (
	defaultTimeout = 15 * time.Second
	defaultHard    = 7 * 24 * time.Hour
)

// override returns p with the fields of o that are not zero.
func (p Policy) override(o Policy) Policy {
	set := func(limit *time.Duration, to time.Duration) {
		if to != 0 {
			*limit = to
		}
	}
	set(&p.Window, o.Window)
	set(&p.Soft, o.Soft)
	set(&p.Hard, o.Hard)
	set(&p.Timeout, o.Timeout)
	return p
}

// complete returns p with defaults for zero fields. The error says what makes no
// sense.
func (p Policy) complete() (Policy, error) {
	p = Policy{Soft: p.Window, Hard: defaultHard, Timeout: defaultTimeout}.override(p)
	switch {
	case p.Window <= 0:
		return p, fmt.Errorf("window %s is not positive", p.Window)
	case p.Soft < p.Window:
		return p, fmt.Errorf("soft limit %s is below the window of %s", p.Soft, p.Window)
	case p.Hard < p.Soft:
		return p, fmt.Errorf("hard limit %s is below the soft limit of %s", p.Hard, p.Soft)
	case p.Timeout <= 0:
		return p, fmt.Errorf("timeout %s is not positive", p.Timeout)
	}
	return p, nil
}

// ParsePolicies reads policies by memo name, each with the limits to override:
// "stats=window:10s,timeout:5s;economy.overview=window:60s". The error says
// what to write. Unknown memos are reported by [Cache.CheckPolicies].
func ParsePolicies(text string) (map[string]Policy, error) {
	policies := map[string]Policy{}
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		memo, limits, ok := strings.Cut(part, "=")
		if memo = strings.TrimSpace(memo); !ok || memo == "" {
			return nil, fmt.Errorf("policy %q: write it as memo=limit:duration, such as stats=window:30s,timeout:5s", part)
		}
		if _, twice := policies[memo]; twice {
			return nil, fmt.Errorf("policy %q: %s has one already: write all its limits in one", part, memo)
		}
		p, err := parsePolicy(limits)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", part, err)
		}
		policies[memo] = p
	}
	return policies, nil
}

func parsePolicy(limits string) (Policy, error) {
	var p Policy
	// A window of milliseconds would keep the database busy by itself.
	type field struct {
		value       *time.Duration
		least, most time.Duration
	}
	fields := map[string]field{
		"window":  {&p.Window, time.Second, 24 * time.Hour},
		"soft":    {&p.Soft, time.Second, 7 * 24 * time.Hour},
		"hard":    {&p.Hard, time.Second, 30 * 24 * time.Hour},
		"timeout": {&p.Timeout, 100 * time.Millisecond, 10 * time.Minute},
	}
	for limit := range strings.SplitSeq(limits, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(limit), ":")
		f, ok := fields[name]
		if !ok {
			return p, fmt.Errorf("there is no limit %q: there are window, soft, hard and timeout", name)
		}
		if *f.value != 0 {
			return p, fmt.Errorf("%s is set twice", name)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return p, fmt.Errorf("%s: %q is not a duration such as 30s, 5m or 1h", name, text)
		}
		if d < f.least || d > f.most {
			return p, fmt.Errorf("%s is %s: it can be %s to %s", name, d, f.least, f.most)
		}
		*f.value = d
	}
	return p, nil
}

// CheckPolicies returns an error for each override that names no memo or makes no
// sense with the memo's own limits. The caller must have declared all memos.
func (c *Cache) CheckPolicies() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.policyErr
	for _, name := range slices.Sorted(maps.Keys(c.overrides)) {
		if c.memos[name] == nil {
			err = errors.Join(err, fmt.Errorf("policy of %q: %w", name, &UnknownMemoError{name, slices.Sorted(maps.Keys(c.memos))}))
		}
	}
	return err
}

// Policy returns the memo's policy in force.
func (m *memo) Policy() Policy { return m.policy }

// A NamedPolicy is the policy in force for a memo.
type NamedPolicy struct {
	Memo    string   `json:"memo"`
	Window  Seconds  `json:"windowSeconds" doc:"One computation serves this long."`
	Soft    Seconds  `json:"softSeconds" doc:"A value is fresh this long, from the start of its window."`
	Hard    Seconds  `json:"hardSeconds" doc:"A value is shown at all this long."`
	Timeout Seconds  `json:"timeoutSeconds" doc:"Of one run of the producer."`
	Tags    []string `json:"tags" nullable:"false"`
}

// Policies returns the policies in force, by name.
func (c *Cache) Policies() []NamedPolicy {
	list := []NamedPolicy{}
	for _, m := range c.all() {
		p := m.policy
		list = append(list, NamedPolicy{
			m.spec.Name, SecondsOf(p.Window), SecondsOf(p.Soft), SecondsOf(p.Hard), SecondsOf(p.Timeout), append([]string{}, m.spec.Tags...),
		})
	}
	return list
}
