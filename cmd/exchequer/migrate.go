package main

import (
	"context"
	"errors"
	"fmt"

	"exchequer/internal/postgres"
	"exchequer/internal/telemetry"
)

type migrateCommand struct {
	Roles bool `group:"data" help:"Also make the roles that own, read and write the tables, and grant each what it needs (docs/operations.md). The first time as a superuser, later as exchequer_owner. Passwords come from EXCHEQUER_OWNER_PASSWORD, EXCHEQUER_SERVE_PASSWORD and EXCHEQUER_INGEST_PASSWORD, or from the files that …_FILE name."`
	Citus bool `group:"data" help:"Also put the ledger whole on one node of Citus: DATABASE_URL leads to the coordinator and names the ledger's schema by search_path (docs/operations.md)."`
	databaseFlags
	monthlyFlags
}

func (c migrateCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Roles {
		if err := c.migrateWithRoles(ctx, s); err != nil || !c.Citus {
			return err
		}
	}
	log := telemetry.NewLogger(s.err, 0, true)
	db, err := c.open(ctx, log, access{migrate: true, share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	fmt.Fprintln(s.out, "the schema is up to date")
	if !c.Citus {
		c.divide(ctx, db.Pool, false, log)
		return nil
	}
	if err := postgres.Distribute(ctx, db.Pool); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "the ledger is whole on one node of Citus")
	return nil
}
