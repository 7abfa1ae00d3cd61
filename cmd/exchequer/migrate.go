package main

import (
	"context"
	"fmt"

	"exchequer/internal/telemetry"
)

type migrateCommand struct{ databaseFlags }

func (c migrateCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{migrate: true, share: true, noTimeout: true})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "the schema is up to date")
	return db.close()
}
