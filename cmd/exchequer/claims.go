package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"exchequer/claims"
	"exchequer/ledger"
)

// claimsCommand is what an operator does about which accounts belong to whom of those who
// sign in.
type claimsCommand struct {
	List   claimsListCommand   `cmd:"" help:"List which accounts belong to whom."`
	Grant  claimsGrantCommand  `cmd:"" help:"Say that an account belongs to somebody, who need not prove it."`
	Revoke claimsRevokeCommand `cmd:"" help:"End somebody's claim to an account."`
}

// mostListedClaims is how many are listed.
const mostListedClaims = 10_000

type claimsListCommand struct{ databaseFlags }

func (c claimsListCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		all, err := claims.NewStore(db.Pool).All(ctx, mostListedClaims)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "SUBJECT\tACCOUNT\tSINCE\tBY")
		for _, claim := range all {
			by := "a payment"
			if claim.Code == "" {
				by = "an operator"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", claim.Subject, claim.Account, claim.Proven.Format(time.DateOnly), by)
		}
		return table.Flush()
	})
}

// A claimArgs names somebody and an account.
type claimArgs struct {
	Subject string `arg:"" help:"Who it is, as their page says."`
	Account string `arg:"" help:"Ref of the account."`
}

type claimsGrantCommand struct {
	databaseFlags
	claimArgs
}

func (c claimsGrantCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		found, err := ledger.New(db.Pool).Find(ctx, c.Account)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("%d accounts are called %q: name one by its ref", len(found), c.Account)
		}
		if err := claims.NewStore(db.Pool).Grant(ctx, c.Subject, found[0].Ref); err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s is the account of %s\n", found[0].Ref, c.Subject)
		return nil
	})
}

type claimsRevokeCommand struct {
	databaseFlags
	claimArgs
}

func (c claimsRevokeCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		was, err := claims.NewStore(db.Pool).Drop(ctx, c.Subject, c.Account)
		if err != nil {
			return err
		}
		if !was {
			return fmt.Errorf("%s has no claim to %s: exchequer claims list shows those there are", c.Subject, c.Account)
		}
		fmt.Fprintf(s.out, "%s is no account of %s any more\n", c.Account, c.Subject)
		return nil
	})
}
