package main

import (
	"context"
	"fmt"

	"exchequer/internal/telemetry"
)

type migrateCommand struct {
	Roles bool `group:"data" help:"Also make the roles that own, read and write the tables, and grant each what it needs (docs/operations.md). The first time as a superuser, later as exchequer_owner. Passwords come from EXCHEQUER_OWNER_PASSWORD, EXCHEQUER_SERVE_PASSWORD and EXCHEQUER_INGEST_PASSWORD, or from the files that …_FILE name."`
	databaseFlags
}

func (c migrateCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Roles {
		return c.migrateWithRoles(ctx, s)
	}
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{migrate: true, share: true, noTimeout: true})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "the schema is up to date")
	return db.close()
}
