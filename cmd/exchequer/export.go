package main

import (
	"context"
	"errors"
	"fmt"

	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/ledger/native"
)

type exportCommand struct {
	Compress string `group:"data" enum:"none,gzip,zstd" default:"none" help:"How the files are compressed: ${enum}."`
	Dir      string `arg:"" type:"path" help:"Folder to write to; it is made if it is not there."`
	databaseFlags
}

func (c exportCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	compression := map[string]native.Compression{"none": native.Plain, "gzip": native.Gzip, "zstd": native.Zstd}[c.Compress]
	if err := native.Export(ctx, db.Pool, c.Dir, compression); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "exported to", c.Dir)
	if a, err := ledger.New(db.Pool).Archive(ctx); err != nil {
		return err
	} else if !a.Begins.IsZero() {
		fmt.Fprintf(s.err, "what was before %s is archived and is not in it: another ledger imports the archive's months first, and then this\n", formatTime(a.Begins))
	}
	return nil
}
