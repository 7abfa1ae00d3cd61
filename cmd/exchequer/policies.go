package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"exchequer/cache"
)

// policies is the value of a flag that may be repeated.
type policies map[string]cache.Policy

// Decode implements kong.MapperValue.
func (p *policies) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("policy", &text); err != nil {
		return err
	}
	parsed, err := cache.ParsePolicies(text)
	if err != nil {
		return err
	}
	if *p == nil {
		*p = policies{}
	}
	for memo, policy := range parsed {
		if _, twice := (*p)[memo]; twice {
			return fmt.Errorf("there are two policies of %s: write all its limits in one", memo)
		}
		(*p)[memo] = policy
	}
	return nil
}

// text returns the policies in the syntax of the flag.
func (p policies) text() string {
	var all []string
	for _, memo := range slices.Sorted(maps.Keys(p)) {
		var limits []string
		for _, limit := range []struct {
			name string
			is   time.Duration
		}{{"window", p[memo].Window}, {"soft", p[memo].Soft}, {"hard", p[memo].Hard}, {"timeout", p[memo].Timeout}} {
			if limit.is != 0 {
				limits = append(limits, limit.name+":"+limit.is.String())
			}
		}
		all = append(all, memo+"="+strings.Join(limits, ","))
	}
	return strings.Join(all, ";")
}
