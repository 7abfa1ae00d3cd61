//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// An Embedded is a Postgres server that the program runs.
type Embedded struct {
	dir     string
	url     string
	lock    *dirLock
	server  *process
	logPath string
	offset  int64 // where this run begins in the log
	stop    sync.Once
}

const (
	superuser    = "exchequer"
	databaseName = "exchequer"
)

// StartEmbedded starts the server of config.Dir, makes its cluster if there is none,
// and returns when the server answers. It returns an *InUseError if the directory's
// server already runs, and an error for which DiskFull is true if the disk is full.
// The server runs until Stop; ctx ends only the start.
func StartEmbedded(ctx context.Context, config EmbeddedConfig) (*Embedded, error) {
	dir, err := filepath.Abs(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	log := config.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make data directory: %w; choose another with --data-dir", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	e := &Embedded{dir: dir, lock: lock, logPath: filepath.Join(dir, "postgres.log")}
	if err := e.start(ctx, dir, config, log); err != nil {
		e.Stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("start Postgres in %s: %w", dir, explainDisk(err, dir))
	}
	return e, nil
}

func (e *Embedded) start(ctx context.Context, dir string, config EmbeddedConfig, log *slog.Logger) error {
	data := filepath.Join(dir, "postgres")
	account, err := ownerAccount(data)
	if err != nil {
		return err
	}
	if err := account.reach(ctx, dir); err != nil {
		return err
	}
	if err := stopStray(ctx, account, data, log); err != nil {
		return err
	}
	binaries, err := chooseBinaries(ctx, account, dir, data, config.Source, log)
	if err != nil {
		return err
	}
	if err := makeCluster(ctx, binaries, account, data, log); err != nil {
		return err
	}
	socket, err := makeSocketDir(dir, account)
	if err != nil {
		return err
	}
	logFile, err := openLog(e.logPath)
	if err != nil {
		return err
	}
	defer logFile.Close()
	if info, err := logFile.Stat(); err == nil {
		e.offset = info.Size()
	}
	e.server, err = startProcess(serverCommand(binaries, account, data, socket, config.Settings, logFile))
	if err != nil {
		return err
	}
	e.url = socketURL(socket, databaseName)
	return e.ready(ctx, socket, log)
}

// ready waits until the server answers and makes the database if this is its
// first start. Recovery after a kill may take a while.
func (e *Embedded) ready(ctx context.Context, socket string, log *slog.Logger) error {
	slow := time.After(5 * time.Second)
	// The server logs each of these attempts while it recovers.
	for pause := 20 * time.Millisecond; ; pause = min(pause*3/2, time.Second) {
		conn, err := pgx.Connect(ctx, socketURL(socket, "postgres"))
		if err == nil {
			err = makeDatabase(ctx, conn)
			conn.Close(ctx)
			return err
		}
		select {
		case <-e.server.done:
			return e.Err()
		case <-ctx.Done():
			return fmt.Errorf("%w; the server said:\n%s", ctx.Err(), e.logTail())
		case <-slow:
			log.Info("Postgres is still starting; after a crash it first recovers")
		case <-time.After(pause):
		}
	}
}

func makeDatabase(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	return err
}

// URL is the address of the database.
func (e *Embedded) URL() string { return e.url }

// Done is closed when the server has ended, by Stop or by itself; Err returns why.
func (e *Embedded) Done() <-chan struct{} { return e.server.done }

// Err returns how the server ended, with the last lines of its log. It may be called
// only after Done is closed.
func (e *Embedded) Err() error {
	return fmt.Errorf("the Postgres server ended (%v); the end of %s:\n%s", e.server.state(), e.logPath, e.logTail())
}

// Stop shuts the server down: open transactions are rolled back, and everything
// committed is on disk. If ctx ends first, the server is killed and recovers at its
// next start.
func (e *Embedded) Stop(ctx context.Context) error {
	var err error
	e.stop.Do(func() {
		if e.server != nil {
			err = e.server.end(ctx)
		}
		if socket := socketDir(e.dir); filepath.Dir(socket) != e.dir {
			os.Remove(socket) // empty, unless the server was killed
		}
		err = errors.Join(err, e.lock.release())
	})
	return err
}

// end requests a fast shutdown, then an immediate one, then kills.
func (p *process) end(ctx context.Context) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, time.Hour}, {syscall.SIGQUIT, 5 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		select {
		case <-p.done:
			return nil
		default:
		}
		if err := p.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop Postgres: %w", err)
		}
		hurry := ctx.Done()
		if step.signal != syscall.SIGINT {
			hurry = nil
		}
		select {
		case <-p.done:
			return nil
		case <-hurry:
		case <-time.After(step.wait):
		}
	}
	return errors.New("stop Postgres: it does not end")
}

// socketURL returns the address of a database through the socket in dir. The port is
// only part of the socket's name; it is set so that PGPORT does not change it.
func socketURL(dir, database string) string {
	query := url.Values{"host": {dir}, "port": {"5432"}}
	return "postgres://" + superuser + "@/" + database + "?" + query.Encode()
}
