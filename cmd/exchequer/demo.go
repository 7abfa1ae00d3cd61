package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// demoCommand serves the simulated town from an embedded Postgres of its own,
// never from a real ledger.
type demoCommand struct {
	serverFlags
	Seed    uint64 `default:"1" group:"town" help:"Another seed is another town, kept apart from the others."`
	Players int    `default:"2400" group:"town" help:"How many people live there, after 60 days."`
	DataDir string `name:"data-dir" env:"EXCHEQUER_DATA_DIR" type:"path" placeholder:"DIR" group:"data" help:"Where its Postgres lives, in a folder of its own in this one (default: as for serve)."`
	sourceFlags
}

func (c demoCommand) Run(ctx context.Context, s streams) (err error) {
	log := c.logger(s)
	token, err := c.token()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()

	dir := c.DataDir
	if dir == "" {
		if dir, err = defaultDataDir(); err != nil {
			return err
		}
	}
	// A town can only be continued with the same seed and size, so each has its
	// own folder.
	folder := fmt.Sprintf("town-%d-%d", c.Seed, c.Players)
	flags := databaseFlags{DataDir: filepath.Join(dir, folder), sourceFlags: c.sourceFlags}
	tracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lastly(tracing.Close)) }()
	db, err := flags.openWithRetry(ctx, log, access{tracer: tracing.Queries(), conns: c.Connections.of(1)}, listener)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()

	record := ledger.New(db.Pool)
	simulated, err := c.history(ctx, func(format string, args ...any) { c.say(s, log, format, args...) }, record, flags.DataDir)
	if err != nil {
		return err
	}
	if _, err := aggregates.UpdateSnapshots(ctx, db.Pool, time.Now(), aggregates.DefaultExact); err != nil {
		return err
	}
	if _, err := aggregates.UpdateOffsetting(ctx, db.Pool); err != nil {
		return err
	}
	if _, err := (aggregates.Reporter{DB: db.Pool, Version: version}).Update(ctx, time.Now(), time.Minute); err != nil {
		return err
	}
	return c.serve(ctx, server{streams: s, log: log, token: token, listener: listener, db: db, shared: sharedCache{tenant: c.Tenant}, tracing: tracing, background: func(ctx context.Context, record *ledger.Ledger) {
		c.live(ctx, log, simulated, record)
	}})
}

// history writes the town's history up to now. If dir has a town already, it
// continues that one.
func (c demoCommand) history(ctx context.Context, say func(string, ...any), record *ledger.Ledger, dir string) (*town.Town, error) {
	config := town.Config{Seed: c.Seed, Players: c.Players, End: time.Now()}
	first, last, known, err := record.Span(ctx)
	if err != nil {
		return nil, err
	}
	if known {
		config.Start, config.Since = first, last
		say("continuing the town from %s", last.Format("2 Jan 15:04 MST"))
	} else {
		say("making the town: 60 days of history")
	}
	simulated := town.New(config)
	if err := record.SetSettings(ctx, simulated.Settings()); err != nil {
		return nil, err
	}

	began, postings := time.Now(), 0
	reported := began
	err = simulated.History(ctx, func(batch ledger.Batch) error {
		written, err := record.Append(ctx, batch)
		postings += written.Postings
		if n := len(batch.Transactions); n > 0 && time.Since(reported) > 2*time.Second {
			reported = time.Now()
			say("  %s: %d postings", batch.Transactions[n-1].At.Format("2 January"), postings)
		}
		return err
	})
	if refused := (*ledger.BatchError)(nil); known && errors.As(err, &refused) {
		return nil, fmt.Errorf("this town was made by another version of the program and cannot be continued: delete %s, or make another town with --seed", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("write the town's history: %w", err)
	}
	took := time.Since(began)
	say("%d postings written in %.1f s", postings, took.Seconds())
	return simulated, nil
}

// live writes what happens in the town, in real time, until ctx ends.
func (c demoCommand) live(ctx context.Context, log *slog.Logger, simulated *town.Town, record *ledger.Ledger) {
	err := simulated.Live(ctx, func(ctx context.Context, batch ledger.Batch) error {
		_, err := record.Append(ctx, batch)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the town could not write; trying again", "error", err)
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		log.ErrorContext(ctx, "the town stopped", "error", err)
	}
}
