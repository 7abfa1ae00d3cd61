package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
)

// databaseFlags name the database of a command.
type databaseFlags struct {
	DatabaseURL     string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" group:"data" help:"Postgres to use instead of an embedded one; with a password, set it in the environment, which others cannot see."`
	DatabaseURLFile string `name:"database-url-file" env:"DATABASE_URL_FILE" type:"path" placeholder:"FILE" group:"data" help:"File that holds the database URL."`
	DataDir         string `name:"data-dir" env:"EXCHEQUER_DATA_DIR" type:"path" placeholder:"DIR" group:"data" help:"Where the embedded Postgres lives (default: /var/lib/exchequer for root, else the user's data directory)."`
	sourceFlags
}

// sourceFlags name where to fetch Postgres from on a machine that has none.
type sourceFlags struct {
	Repository string `name:"postgres-repository" env:"EXCHEQUER_POSTGRES_REPOSITORY" placeholder:"URL" group:"data" help:"Maven repository to fetch Postgres from, where the machine has none; https only (default: Maven Central)."`
	SHA256     string `name:"postgres-sha256" env:"EXCHEQUER_POSTGRES_SHA256" placeholder:"SUM" group:"data" help:"Checksum that the fetched archive must have, where the program does not know it."`
}

func (f sourceFlags) source() postgres.Source {
	return postgres.Source{Repository: f.Repository, SHA256: f.SHA256}
}

// maxConns is enough for everything that may use the database at once: the cache's
// 8 producers and 2 more without the fleet's lock, 3 that the signs of health and
// the list of items have beside theirs, 3 look-ups of names, one download, probes,
// snapshots and what holders have (2 each), settings, the simulated town, what other programs write, and sources that
// are followed. The listener for writes has a connection of its own.
const maxConns = 16 + ingestConns + syncConns

// embeddedConns leaves room for commands beside a server.
const embeddedConns = 80

// database is an open pool and, if embedded, the server behind it.
type database struct {
	*pgxpool.Pool
	replica  *pgxpool.Pool    // nil: there is none
	reader   *postgres.Reader // likewise
	config   postgres.EmbeddedConfig
	embedded *postgres.Embedded // nil: not ours, or run by another process
}

// An access describes what a command needs of the database.
type access struct {
	migrate   bool  // bring the schema of a database that is not ours up to date
	share     bool  // the embedded server may be one that another process runs
	noTimeout bool  // no statement timeout
	conns     int32 // of the pool; maxConns if zero
	tracer    pgx.QueryTracer
}

// open connects to the database that the flags name. If they name none, it starts
// the embedded server. A schema that is not up to date is migrated if the server
// is embedded or a.migrate is set, and an error otherwise.
func (f databaseFlags) open(ctx context.Context, log *slog.Logger, a access) (*database, error) {
	url, err := f.url()
	if err != nil {
		return nil, err
	}
	d := &database{}
	if url == "" {
		if a.conns > embeddedConns {
			return nil, fmt.Errorf("EXCHEQUER_POSTGRES_CONNECTIONS is %d: the embedded Postgres serves %d at most; name another one with DATABASE_URL", a.conns, embeddedConns)
		}
		dir := f.DataDir
		if dir == "" {
			if dir, err = defaultDataDir(); err != nil {
				return nil, err
			}
		}
		d.config = postgres.EmbeddedConfig{Dir: dir, Log: log, Source: f.source()}
		d.embedded, err = postgres.StartEmbedded(ctx, d.config)
		var running *postgres.InUseError
		switch {
		case err == nil:
			url = d.embedded.URL()
		case a.share && errors.As(err, &running):
			log.Info("using the database of the running exchequer", "pid", running.PID)
			d.embedded, url = nil, running.URL
		default:
			return nil, err
		}
		a.migrate = true
	}
	options := postgres.Options{Tracer: a.tracer, MaxConns: cmp.Or(a.conns, maxConns)}
	if a.noTimeout {
		options.StatementTimeout = -1
	}
	if d.Pool, err = postgres.Open(ctx, url, options); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if a.migrate {
		err = postgres.Migrate(ctx, d.Pool)
	} else {
		err = postgres.Check(ctx, d.Pool)
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// borrowed reports whether another process runs the embedded server.
func (d *database) borrowed() bool { return d.embedded == nil && d.config.Dir != "" }

// kind returns "embedded", or "own" for a server that the program did not start.
func (d *database) kind() string {
	if d.embedded != nil {
		return "embedded"
	}
	return "own"
}

func (f databaseFlags) url() (string, error) {
	return secret("DATABASE_URL", f.DatabaseURL, f.DatabaseURLFile)
}

// secret returns a value that is given directly or in a file.
func secret(name, value, file string) (string, error) {
	if file == "" {
		return value, nil
	}
	if value != "" {
		return "", fmt.Errorf("both %s and %s_FILE are set: set one", name, name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// defaultDataDir returns the data directory if no flag names one: that of
// services for root, else the user's own.
func defaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/exchequer", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "exchequer"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data directory: %w (name one with --data-dir)", err)
	}
	return filepath.Join(home, ".local", "share", "exchequer"), nil
}

// openWithRetry is open for a server. While the disk of the embedded database is
// full it retries, and a waitingRoom answers requests to the listener.
func (f databaseFlags) openWithRetry(ctx context.Context, log *slog.Logger, a access, listener net.Listener) (db *database, err error) {
	var waiting *waitingRoom
	err = retry(ctx, func() error {
		db, err = f.open(ctx, log, a)
		return err
	}, func(err error, pause time.Duration) bool {
		if !postgres.DiskFull(err) {
			return false
		}
		log.ErrorContext(ctx, "the disk is full and the database does not start; trying again", "in", pause.String(), "error", err)
		if waiting == nil {
			waiting = startWaitingRoom(listener, log)
		}
		return true
	})
	if waiting == nil {
		return db, err
	}
	if closed := waiting.close(); closed != nil && err == nil {
		err = errors.Join(closed, db.close())
	}
	return db, err
}

// keepRunning restarts the embedded server whenever it ends by itself, until ctx
// ends. The pool finds it at the same socket. It retries without limit, since the
// cause, such as a full disk, may pass, and pages work from the cache meanwhile.
func (d *database) keepRunning(ctx context.Context, log *slog.Logger) {
	if d.embedded == nil {
		return
	}
	var started time.Time
	var pause time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.embedded.Done():
		}
		// Back off from a server that ends as soon as it has started.
		if pause = min(max(time.Second, 2*pause), longestPause); time.Since(started) > time.Minute {
			pause = 0
		}
		log.ErrorContext(ctx, "the embedded Postgres has ended; restarting it", "in", pause.String(), "error", d.embedded.Err())
		if err := d.embedded.Stop(ctx); err != nil {
			log.WarnContext(ctx, "cleaning up after the ended Postgres failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		err := retry(ctx, func() error {
			again, err := postgres.StartEmbedded(ctx, d.config)
			if err == nil {
				d.embedded = again
			}
			return err
		}, func(err error, pause time.Duration) bool {
			log.ErrorContext(ctx, "the embedded Postgres does not start; trying again", "in", pause.String(), "error", err)
			return true
		})
		if err != nil {
			return // ctx has ended
		}
		started = time.Now()
		log.InfoContext(ctx, "the embedded Postgres is back")
	}
}

// longestPause is the longest time between two attempts.
const longestPause = 30 * time.Second

// retry calls try until it succeeds, ctx ends, or again returns false. It calls
// again with each error and the pause that follows.
func retry(ctx context.Context, try func() error, again func(err error, pause time.Duration) bool) error {
	for pause := time.Second; ; pause = min(2*pause, longestPause) {
		err := try()
		if err == nil || ctx.Err() != nil || !again(err, pause) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// close closes the pool and stops the embedded server, cleanly, so that the
// next start need not recover.
func (d *database) close() error {
	if d.Pool != nil {
		d.Pool.Close()
	}
	if d.replica != nil {
		d.replica.Close()
	}
	if d.embedded == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return d.embedded.Stop(ctx)
}
