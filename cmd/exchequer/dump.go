package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"exchequer/internal/telemetry"
	"exchequer/ledger/dump"
)

type dumpCommand struct {
	Licence string `env:"EXCHEQUER_LICENCE" placeholder:"TEXT" group:"data" help:"Licence of the data, such as CC BY 4.0, stated in the manifest."`
	Dir     string `arg:"" type:"path" help:"Folder to bring up to date; it is made if it is not there."`
	databaseFlags
}

func (c dumpCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	written, err := dump.Write(ctx, db.Pool, c.Dir, c.Licence, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "dumped to %s: %s new, %d as they were, %.1f MB in all\n", c.Dir, count(written.Files, "file"), written.Kept, float64(written.Bytes)/1e6)
	return nil
}
