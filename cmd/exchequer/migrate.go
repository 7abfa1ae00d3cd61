package main

import (
	"context"
	"fmt"
	"log/slog"
)

type migrateCommand struct{ databaseFlags }

func (c migrateCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, slog.New(slog.NewTextHandler(s.err, nil)), true)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "the schema is up to date")
	return db.close()
}
