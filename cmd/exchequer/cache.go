package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"exchequer/cache"
	"exchequer/web"
)

// cacheCommand looks at the cache of a running server, and steers it.
type cacheCommand struct {
	Stats      cacheStatsCommand      `cmd:"" help:"Print what each memo and the shared level do."`
	Reset      cacheResetCommand      `cmd:"" help:"Start the counts of stats anew."`
	Policies   cachePoliciesCommand   `cmd:"" help:"Print how long each memo's values serve."`
	Status     cacheStatusCommand     `cmd:"" help:"Print what is known of one key, and who computes it."`
	Keys       cacheKeysCommand       `cmd:"" help:"List the keys that the process holds."`
	Invalidate cacheInvalidateCommand `cmd:"" help:"Mark values as stale, or forbid them."`
	Warm       warmCommand            `cmd:"" help:"Bring the usual values up to date, and those that were asked for lately."`
	Test       cacheTestCommand       `cmd:"" help:"Set, get and delete a value at the shared level."`
	Health     cacheHealthCommand     `cmd:"" help:"Say whether all is well; exit code 1 if not."`
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
	fmt.Fprintln(s.out, "counting from", moment(a.Since))
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
	Hard    bool   `help:"Do not show the old values again, rather than until there are newer ones."`
}

func (c cacheInvalidateCommand) Run(ctx context.Context, s streams) error {
	order := web.InvalidateRequest{Key: c.Key, Memo: c.Memo, Tag: c.Tag, Pattern: c.Pattern, Tenant: c.Tenant, All: c.All, How: cache.Soft.String()}
	if c.Hard {
		order.How = cache.Hard.String()
	}
	var a web.InvalidateAnswer
	if err := c.call(ctx, s, "POST", "invalidate", nil, order, &a); err != nil || c.JSON {
		return err
	}
	fmt.Fprintf(s.out, "invalidated (%s): %s\n", a.How, a.Scope)
	if a.Down {
		fmt.Fprintln(s.out, "Redis is down: the other processes learn of it when Redis is back")
	}
	if a.Unknown {
		fmt.Fprintln(s.out, "nobody has this key: if it should be there, exchequer cache keys lists how keys are written")
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
		fmt.Fprintf(s.out, "%s: set in %s, got in %s, deleted in %s\n", a.Kind, span(a.Set), span(a.Get), span(a.Delete))
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
