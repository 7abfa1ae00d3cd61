package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/admin"
	"exchequer/aggregates"
	"exchequer/internal/postgres"
	"exchequer/ledger"
)

// replicaFlags name a replica of the database.
type replicaFlags struct {
	DatabaseReadURL     string `name:"database-read-url" env:"DATABASE_READ_URL" placeholder:"URL" group:"data" help:"Streaming replica of the database, which pages are read from while it has all that is committed; one server, and not several behind one address. Set it in the environment."`
	DatabaseReadURLFile string `name:"database-read-url-file" env:"DATABASE_READ_URL_FILE" type:"path" placeholder:"FILE" group:"data" help:"File that holds that URL."`
}

// openReplica opens the replica of a database, if one is named.
func (f replicaFlags) openReplica(ctx context.Context, db *database, conns int32, tracer pgx.QueryTracer) error {
	url, err := secret("DATABASE_READ_URL", f.DatabaseReadURL, f.DatabaseReadURLFile)
	if err != nil || url == "" {
		return err
	}
	db.replica, err = postgres.OpenReplica(ctx, url, postgres.Options{ApplicationName: "exchequer reads", Tracer: tracer, MaxConns: conns})
	if err != nil {
		return fmt.Errorf("DATABASE_READ_URL: %w", err)
	}
	db.reader = postgres.NewReader(db.Pool, db.replica)
	return nil
}

// options are how memos read.
func (d *database) options(exact int64) []aggregates.Option {
	options := []aggregates.Option{aggregates.ExactUpTo(exact)}
	if d.reader != nil {
		options = append(options, aggregates.Reads(d.reader.Choose))
	}
	return options
}

// record returns the ledger that single things are read from.
func (d *database) record() *ledger.Ledger {
	if d.reader == nil {
		return ledger.New(d.Pool)
	}
	return ledger.Reading(d.Pool, d.reader.Pool)
}

// until returns up to when lists have all that was written, the zero time if that is now.
func (d *database) until() time.Time {
	if d.reader == nil {
		return time.Time{}
	}
	return d.reader.Until()
}

// replicaFacts returns what admins see of the replica, nil if there is none.
func (d *database) replicaFacts() func(context.Context) []admin.Fact {
	if d.reader == nil {
		return nil
	}
	return func(ctx context.Context) []admin.Fact {
		lag := "it has all that is committed"
		switch state, err := d.reader.State(ctx); {
		case err != nil:
			lag = err.Error()
		case state.Behind > 0:
			lag = fmt.Sprintf("%d bytes of the log behind; its latest transaction is of %s", state.Behind, state.Replayed.UTC().Format(time.TimeOnly))
		}
		return []admin.Fact{
			{Name: "Replica", Value: lag},
			{Name: "Reads of this process", Value: fmt.Sprintf("%d by the replica; by the primary %d as the replica was late, %d as it could not be used; %d by the replica as the primary could not be reached",
				d.reader.Chosen(postgres.ReplicaReady), d.reader.Chosen(postgres.PrimaryLate), d.reader.Chosen(postgres.PrimaryAlone), d.reader.Chosen(postgres.ReplicaAlone))},
		}
	}
}

// replicaAsked is how often it is asked how far the replica is.
const replicaAsked = 15 * time.Second

// replicaMetrics counts reads, and returns what measures and logs until ctx ends how far
// the replica is.
func (d *database) replicaMetrics(registry prometheus.Registerer) (watch func(context.Context, *slog.Logger)) {
	if d.reader == nil {
		return func(context.Context, *slog.Logger) {}
	}
	for _, c := range postgres.Choices() {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "exchequer_postgres_reads_total", Help: "Reads by which database they used: replica, or why another choice was made.",
			ConstLabels: prometheus.Labels{"choice": c.String()},
		}, func() float64 { return float64(d.reader.Chosen(c)) }))
	}
	behind := prometheus.NewGauge(prometheus.GaugeOpts{Name: "exchequer_postgres_replica_behind_bytes", Help: "How much of the primary's log the replica had not replayed when it was asked last; -1: one of them did not answer."})
	registry.MustRegister(behind)
	return func(ctx context.Context, log *slog.Logger) {
		failing := false
		for {
			asking, cancel := context.WithTimeout(ctx, replicaAsked/3)
			state, err := d.reader.State(asking)
			cancel()
			if behind.Set(float64(state.Behind)); err != nil {
				behind.Set(-1)
			}
			if ctx.Err() == nil && (err != nil) != failing {
				if failing = err != nil; failing {
					log.WarnContext(ctx, "reads do without the replica, or without the primary", "error", err)
				} else {
					log.InfoContext(ctx, "primary and replica answer", "behind", state.Behind)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(replicaAsked):
			}
		}
	}
}
