package main

import (
	"fmt"

	"github.com/alecthomas/kong"

	"exchequer/cache"
)

// policies is a flag that may be repeated.
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
