package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"exchequer/admin"
	"exchequer/cache"
	"exchequer/web"
)

// cacheCommand inspects and controls the cache of a running server.
type cacheCommand struct {
	Stats      cacheStatsCommand      `cmd:"" help:"Print the counts of each memo and the state of the shared level."`
	Reset      cacheResetCommand      `cmd:"" help:"Set the counts of stats to zero."`
	Policies   cachePoliciesCommand   `cmd:"" help:"Print the policy of each memo: window, soft and hard limit, timeout."`
	Status     cacheStatusCommand     `cmd:"" help:"Print the state of one key, and which process computes it."`
	Keys       cacheKeysCommand       `cmd:"" help:"List the keys that the process holds."`
	Invalidate cacheInvalidateCommand `cmd:"" help:"Mark values as stale, or forbid them."`
	Warm       warmCommand            `cmd:"" help:"Bring the usual and the recently requested values up to date."`
	Test       cacheTestCommand       `cmd:"" help:"Set, get and delete a value at the shared level."`
	Health     cacheHealthCommand     `cmd:"" help:"Report the health of the cache; exit code 1 unless it is ok."`
}

type cacheStatsCommand struct{ operatorFlags }

func (c cacheStatsCommand) Run(ctx context.Context, s streams) error {
	var a cache.Stats
	if err := c.call(ctx, s, "GET", "stats", nil, nil, &a); err != nil || c.JSON {
		return err
	}
	return printStats(s.out, a)
}

type cacheResetCommand struct{ operatorFlags }

func (c cacheResetCommand) Run(ctx context.Context, s streams) error {
	var a web.CacheReset
	if err := c.call(ctx, s, "POST", "stats/reset", nil, nil, &a); err != nil || c.JSON {
		return err
	}
	fmt.Fprintln(s.out, "counting from", formatTime(a.Since))
	return nil
}

type cachePoliciesCommand struct{ operatorFlags }

func (c cachePoliciesCommand) Run(ctx context.Context, s streams) error {
	var a web.CachePolicies
	if err := c.call(ctx, s, "GET", "policies", nil, nil, &a); err != nil || c.JSON {
		return err
	}
	return printPolicies(s.out, a.Policies)
}

type cacheStatusCommand struct {
	operatorFlags
	Key string `arg:"" help:"Memo and parameters: stats:personal:active. The memo alone where it has none."`
}

func (c cacheStatusCommand) Run(ctx context.Context, s streams) error {
	var a cache.Status
	if err := c.call(ctx, s, "GET", "status", url.Values{"key": {c.Key}}, nil, &a); err != nil || c.JSON {
		return err
	}
	return printStatus(s.out, a)
}

type cacheKeysCommand struct {
	operatorFlags
	Memo  string `help:"Of this memo only."`
	State string `enum:",fresh,stale,degraded,forbidden,none" default:"" placeholder:"STATE" help:"In this state only: fresh, stale, degraded, forbidden or none (no value)."`
	Limit int    `default:"100" help:"How many at most, up to 1000."`
}

func (c cacheKeysCommand) Run(ctx context.Context, s streams) error {
	query := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	if c.Memo != "" {
		query.Set("memo", c.Memo)
	}
	if c.State != "" {
		query.Set("state", c.State)
	}
	var a cache.Keys
	if err := c.call(ctx, s, "GET", "keys", query, nil, &a); err != nil || c.JSON {
		return err
	}
	return printKeys(s.out, a)
}

type cacheInvalidateCommand struct {
	operatorFlags
	Key     string `xor:"scope" required:"" help:"One value, as in status."`
	Memo    string `xor:"scope" required:"" help:"All values of a memo."`
	Tag     string `xor:"scope" required:"" help:"All memos with a tag (see policies)."`
	Pattern string `xor:"scope" required:"" help:"All memos whose names match: economy.*"`
	Tenant  bool   `xor:"scope" required:"" help:"All memos of this deployment."`
	All     bool   `xor:"scope" required:"" help:"Everything, of all deployments that share the store."`
	Hard    bool   `help:"Never show the old values again. Without it they are shown until there are newer ones."`
}

func (c cacheInvalidateCommand) Run(ctx context.Context, s streams) error {
	order := admin.InvalidateRequest{Key: c.Key, Memo: c.Memo, Tag: c.Tag, Pattern: c.Pattern, Tenant: c.Tenant, All: c.All, How: cache.Soft.String()}
	if c.Hard {
		order.How = cache.Hard.String()
	}
	var a admin.InvalidateAnswer
	if err := c.call(ctx, s, "POST", "invalidate", nil, order, &a); err != nil || c.JSON {
		return err
	}
	fmt.Fprintf(s.out, "invalidated (%s): %s\n", a.How, a.Scope)
	if a.Down {
		fmt.Fprintln(s.out, "Redis is down: the other processes invalidate when it is back")
	}
	if a.Unknown {
		fmt.Fprintln(s.out, "neither the process nor the shared level has this key; exchequer cache keys lists keys as they are written")
	}
	return nil
}

type cacheTestCommand struct{ operatorFlags }

func (c cacheTestCommand) Run(ctx context.Context, s streams) error {
	var a web.CacheTest
	if err := c.call(ctx, s, "POST", "test", nil, nil, &a); err != nil {
		return err
	}
	if !a.OK {
		return fmt.Errorf("%s: %s", a.Kind, a.Error)
	}
	if !c.JSON {
		fmt.Fprintf(s.out, "%s: set in %s, got in %s, deleted in %s\n", a.Kind, formatSeconds(a.Set), formatSeconds(a.Get), formatSeconds(a.Delete))
	}
	return nil
}

type cacheHealthCommand struct{ operatorFlags }

func (c cacheHealthCommand) Run(ctx context.Context, s streams) error {
	var a cache.HealthReport
	if err := c.call(ctx, s, "GET", "health", nil, nil, &a); err != nil {
		return err
	}
	if !c.JSON {
		if err := printHealth(s.out, a); err != nil {
			return err
		}
	}
	if a.Status != "ok" {
		return errors.New(a.Status + ": " + strings.Join(a.Reasons, "; "))
	}
	return nil
}
