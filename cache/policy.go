package cache

import (
	"fmt"
	"slices"
	"time"
)

// A Policy is how long a memo's values serve.
type Policy struct {
	Window  time.Duration // one computation serves this long
	Soft    time.Duration // from the window's start, a value is fresh this long; Window if zero
	Hard    time.Duration // and shown at all this long; 7 days if zero
	Timeout time.Duration // of one producer run; 15 s if zero
}

// A NamedPolicy is the policy in force for a memo.
type NamedPolicy struct {
	Memo string
	Tags []string
	Policy
}

const (
	defaultTimeout = 15 * time.Second
	hygiene        = 7 * 24 * time.Hour
)

// override returns p with the limits that o sets.
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

// complete returns p with the defaults for what is zero.
func (p Policy) complete() (Policy, error) {
	p = Policy{Soft: p.Window, Hard: hygiene, Timeout: defaultTimeout}.override(p)
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

// Policies lists the policies in force, by name.
func (c *Cache) Policies() []NamedPolicy {
	var list []NamedPolicy
	for _, m := range c.all() {
		list = append(list, NamedPolicy{Memo: m.about.Name, Tags: slices.Clone(m.about.Tags), Policy: m.policy})
	}
	return list
}
