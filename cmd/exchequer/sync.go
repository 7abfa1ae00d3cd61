package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/connector"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/views"
)

// syncConns is enough for a source that is followed: its lease, two batches, its marks.
const syncConns = 4

type syncCommand struct {
	Preset     string            `group:"sync" placeholder:"NAME" help:"What the source is: treasury …, or a file that ends with .toml (docs/connectors.md)."`
	Source     string            `group:"sync" env:"EXCHEQUER_SYNC_SOURCE" placeholder:"URL" help:"The source: mysql://user:password@host/database, postgres://…, sqlite:FILE, file:FILE, dir:FOLDER or https://host/path. With a password, set it in the environment, which others cannot see."`
	SourceFile string            `group:"sync" env:"EXCHEQUER_SYNC_SOURCE_FILE" type:"path" placeholder:"FILE" help:"File that holds the source's URL."`
	Config     string            `group:"sync" type:"path" placeholder:"FILE" help:"TOML file that lists sources, instead of --preset and --source."`
	Economy    string            `group:"sync" placeholder:"NAME" help:"Name of the economy, for a ledger that has none."`
	Symbol     string            `group:"sync" placeholder:"TEXT" help:"Symbol of its currency."`
	Timezone   string            `group:"sync" placeholder:"ZONE" help:"Time zone of the community, such as Europe/Berlin."`
	Set        map[string]string `group:"sync" placeholder:"NAME=VALUE" help:"A parameter of the preset, such as the prefix of tables."`
	Check      bool              `group:"sync" help:"Print what the first rows would become, write nothing."`
	Once       bool              `group:"sync" help:"End when the ledger is in step."`
	databaseFlags
}

func (c syncCommand) sources() ([]connector.Config, error) {
	if c.Config != "" {
		if c.Preset != "" {
			return nil, errors.New("--config names the presets: leave out --preset")
		}
		return connector.LoadConfig(c.Config)
	}
	if c.Preset == "" {
		return nil, errors.New("name a preset with --preset, or a file of sources with --config")
	}
	config, err := connector.NewConfig("", c.Preset, c.Source, c.SourceFile, connector.Overrides{Economy: c.Economy, Symbol: c.Symbol, Timezone: c.Timezone, Parameters: c.Set})
	return []connector.Config{config}, err
}

func (c syncCommand) Run(ctx context.Context, s streams) (err error) {
	configs, err := c.sources()
	if err != nil {
		return err
	}
	if c.Check {
		for _, config := range configs {
			checks, err := connector.Check(ctx, config)
			printStreams(s.out, checks, config.Preset.Settings())
			if err != nil {
				return fmt.Errorf("%s: %w", config.Name, err)
			}
		}
		fmt.Fprintln(s.out, "nothing was written; leave out --check to follow the source")
		return nil
	}
	log := telemetry.NewLogger(s.err, slog.LevelInfo, true)
	db, err := c.open(ctx, log, access{share: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	var work sync.WaitGroup
	failures := make([]error, len(configs))
	for i, config := range configs {
		f, err := connector.New(connector.Deps{Ledger: ledger.New(db.Pool), DB: db.Pool, Log: log}, config)
		if err != nil {
			return err
		}
		work.Go(func() {
			if !c.Once {
				f.Follow(ctx)
			} else if err := f.Once(ctx); err != nil {
				failures[i] = fmt.Errorf("%s: %w", config.Name, err)
			}
		})
	}
	work.Wait()
	if err := errors.Join(failures...); err != nil || !c.Once {
		return err
	}
	if err := snapshots(ctx, s, db); err != nil {
		return err
	}
	all, err := connector.ReadStatus(ctx, db.Pool)
	for _, of := range all {
		fmt.Fprintf(s.out, "%s: %s, %s; %s compared, %d with another balance\n",
			of.Source, count(int(of.Rows), "row")+" read", count(int(of.LeftOut), "row")+" left out", count(int(of.Accounts), "account"), of.Drifting)
	}
	return err
}

// printStreams prints what the first rows of streams would become.
func printStreams(w io.Writer, checks []connector.StreamCheck, settings ledger.Settings) {
	const shown = 5
	for _, c := range checks {
		b := c.Batch
		fmt.Fprintf(w, "%s: %s read: %s, %s, %s, %s, %s\n", c.Stream, count(c.Rows, "row"), count(len(b.Accounts), "account"),
			count(len(b.Transactions), "transaction"), count(len(b.Sales), "sale"), count(len(b.Shops), "shop"), count(len(b.Observations), "balance"))
		if len(b.Transactions) > 0 {
			t := b.Transactions[0]
			fmt.Fprintf(w, "  the first one is transaction %s at %s, source %s:\n", t.Ref, t.At.Format(time.DateTime), t.Source)
			for _, p := range t.Postings {
				fmt.Fprintf(w, "    %s on %s\n", views.Money(p.Amount, settings), p.Account)
			}
		}
		for i, r := range c.Rejected {
			if i == shown {
				fmt.Fprintf(w, "  and %d more would be left out\n", len(c.Rejected)-shown)
				break
			}
			fmt.Fprintf(w, "  row %d would be left out: %s\n", r.Number, r.Reason)
		}
	}
}

// followFlags name the sources that a server follows.
type followFlags struct {
	Sync           string `name:"sync" env:"EXCHEQUER_SYNC" placeholder:"FILE" group:"serving" help:"Sources to follow while serving: a TOML file that lists them, or the name of a preset with EXCHEQUER_SYNC_SOURCE. One process of the fleet does it."`
	SyncSource     string `name:"sync-source" env:"EXCHEQUER_SYNC_SOURCE" placeholder:"URL" group:"serving" help:"The source of that preset; set it in the environment, which others cannot see."`
	SyncSourceFile string `name:"sync-source-file" env:"EXCHEQUER_SYNC_SOURCE_FILE" type:"path" placeholder:"FILE" group:"serving" help:"File that holds that URL."`
}

func (f followFlags) sources() ([]connector.Config, error) {
	switch {
	case f.Sync == "":
		return nil, nil
	case f.SyncSource != "" || f.SyncSourceFile != "":
		config, err := connector.NewConfig("", f.Sync, f.SyncSource, f.SyncSourceFile, connector.Overrides{})
		if err != nil {
			return nil, fmt.Errorf("EXCHEQUER_SYNC: %w", err)
		}
		return []connector.Config{config}, nil
	}
	configs, err := connector.LoadConfig(f.Sync)
	if err != nil {
		return nil, fmt.Errorf("EXCHEQUER_SYNC: %w", err)
	}
	return configs, nil
}

// followed are the metrics of the sources that any process follows.
type followed struct {
	mu  sync.Mutex
	all []connector.Status

	age, drifting, leftOut, failures, rows *prometheus.Desc
}

func newFollowed(registry prometheus.Registerer) *followed {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("exchequer_sync_"+name, help, []string{"source"}, nil)
	}
	f := &followed{
		age:      desc("age_seconds", "How long ago the ledger had all that the source had."),
		drifting: desc("drifting_accounts", "Accounts whose balance is not that of the source."),
		leftOut:  desc("rejected_rows", "Bad rows that are left out."),
		failures: desc("failures", "Rounds in a row that failed."),
		rows:     desc("rows_total", "Rows that were read."),
	}
	registry.MustRegister(f)
	return f
}

// Describe implements prometheus.Collector.
func (f *followed) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.age, f.drifting, f.leftOut, f.failures, f.rows} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (f *followed) Collect(to chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.all {
		gauge := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(d, kind, value, s.Source)
		}
		if s.Complete != nil {
			gauge(f.age, prometheus.GaugeValue, time.Since(*s.Complete).Seconds())
		}
		gauge(f.drifting, prometheus.GaugeValue, float64(s.Drifting))
		gauge(f.leftOut, prometheus.GaugeValue, float64(s.LeftOut))
		gauge(f.failures, prometheus.GaugeValue, float64(s.Failures))
		gauge(f.rows, prometheus.CounterValue, float64(s.Rows))
	}
}

// keep reads the status of the sources every few seconds.
func (f *followed) keep(ctx context.Context, db *pgxpool.Pool, log *slog.Logger) {
	const every = 10 * time.Second
	for {
		all, err := connector.ReadStatus(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.WarnContext(ctx, "reading the status of sources failed", "error", err)
		default:
			f.mu.Lock()
			f.all = all
			f.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}
