package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"exchequer/internal/telemetry"
	"exchequer/ledger/dump"
	"exchequer/web"
)

// dumpFlags are about what dumps may have.
type dumpFlags struct {
	Privacy     web.Privacy `default:"open" enum:"open,balances,closed" env:"EXCHEQUER_PRIVACY" group:"serving" help:"What is shown to whom. open: everything to everybody. balances: who dealt with whom to viewers only. closed: everything to viewers only. Viewers have a key of the scope read."`
	DumpPrivate bool        `env:"EXCHEQUER_DUMP_PRIVATE" group:"serving" help:"Nobody but viewers can read the folder of the dump, so that it has everything."`
}

// whole reports whether a dump has single dealings. It returns an error if there must be
// none.
func (f dumpFlags) whole() (bool, error) {
	if f.Privacy == web.Closed && !f.DumpPrivate {
		return false, errors.New("this ledger is closed (EXCHEQUER_PRIVACY): a dump of it needs --dump-private, which says that its folder is not public")
	}
	return f.Privacy == web.Open || f.DumpPrivate, nil
}

type dumpCommand struct {
	dumpFlags
	Licence string `env:"EXCHEQUER_LICENCE" placeholder:"TEXT" group:"data" help:"Licence of the data, such as CC BY 4.0, stated in the manifest."`
	Dir     string `arg:"" type:"path" help:"Folder to bring up to date; it is made if it is not there."`
	databaseFlags
}

func (c dumpCommand) Run(ctx context.Context, s streams) (err error) {
	whole, err := c.whole()
	if err != nil {
		return err
	}
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	written, err := dump.Write(ctx, db.Pool, c.Dir, c.Licence, whole, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "dumped to %s: %s new, %d as they were, %.1f MB in all\n", c.Dir, count(written.Files, "file"), written.Kept, float64(written.Bytes)/1e6)
	return nil
}

// keepDump brings the dump in a folder up to date once a day, soon after midnight of
// UTC. Of the processes that share the folder, one does it.
func keepDump(ctx context.Context, db *database, dir, licence string, whole bool, log *slog.Logger) {
	const every = 5 * time.Minute
	for {
		updateDump(ctx, db, dir, licence, whole, log)
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func updateDump(ctx context.Context, db *database, dir, licence string, whole bool, log *slog.Logger) {
	last, err := dump.Completed(dir)
	if now := time.Now(); err == nil && last.Before(now.UTC().Truncate(24*time.Hour)) {
		var written dump.Written
		if written, err = dump.Write(ctx, db.Pool, dir, licence, whole, now); err == nil {
			log.InfoContext(ctx, "dump is up to date", "files", written.Files, "kept", written.Kept, "bytes", written.Bytes, "took", time.Since(now))
		}
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, dump.ErrLocked) {
		log.ErrorContext(ctx, "dump failed", "error", err)
	}
}
