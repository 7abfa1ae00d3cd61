package testkit

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
)

// Postgres returns a pool on a fresh migrated database, which is dropped when
// the test ends.
func Postgres(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), PostgresURL(t), postgres.Options{StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// PostgresURL returns the address of a fresh migrated database, which is
// dropped when the test ends, even if connections remain.
func PostgresURL(t testing.TB) string {
	t.Helper()
	if citusURL != "" {
		return citusSchemaURL(t)
	}
	s := reach(t)
	return s.url(s.copied(t, template))
}

// A Filled is a migrated database with content that several tests begin with. It is
// filled by the first of them, and copied for each.
type Filled struct {
	fill func(t testing.TB, url string)
	once sync.Once
	name string // empty if fill has failed
}

// NewFilled returns a database that fill fills. fill closes what it opens.
func NewFilled(fill func(t testing.TB, url string)) *Filled { return &Filled{fill: fill} }

// URL returns the address of a copy, which is dropped when the test ends, even if
// connections remain.
func (f *Filled) URL(t testing.TB) string {
	t.Helper()
	if citusURL != "" {
		url := citusSchemaURL(t)
		f.fill(t, url)
		return url
	}
	s := reach(t)
	f.once.Do(func() {
		name := s.create(t, template)
		f.fill(t, s.url(name))
		f.name = name
	})
	if f.name == "" {
		t.Fatal("the database was not filled, as another test reports")
	}
	return s.url(s.copied(t, f.name))
}

const template = "migrated"

// byMonth has the tests use ledgers that are divided by month from their first row on.
var byMonth = flag.Bool("testkit.bymonth", false, "the ledgers of tests are divided by month")

// NotByMonth skips a test that cannot hold for a ledger that is divided by month.
func NotByMonth(t testing.TB, why string) {
	t.Helper()
	if *byMonth {
		t.Skip("not by month: " + why)
	}
}

// reach returns the shared server.
func reach(t testing.TB) *server {
	t.Helper()
	s, err := sharedServer()
	if errors.Is(err, errNoPostgres) {
		t.Fatalf("%v: install it (Debian: apt-get install postgresql)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create creates a copy of a database and returns its name.
func (s *server) create(t testing.TB, template string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	s.admin(t, "CREATE DATABASE "+name+" TEMPLATE "+template+s.strategy)
	return name
}

// copied creates a copy of a database, which is dropped when the test ends.
func (s *server) copied(t testing.TB, template string) string {
	t.Helper()
	name := s.create(t, template)
	t.Cleanup(func() { s.admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return name
}

var errNoPostgres = errors.New("no Postgres on this machine")

// sharedServer returns the server of the test process, started at first use.
var sharedServer = sync.OnceValues(func() (*server, error) { return start() })

// A server is a throwaway Postgres. It listens on a Unix socket only, never waits
// for the disk, and ends with the test process.
type server struct {
	dir       string
	strategy  string // of CREATE DATABASE
	databases atomic.Int64
	orders    *os.File // standard input of the watchdog, which ends the server at its end
}

// watchdog is a shell script that makes the cluster, runs the server, and reads
// "stop" and "start" from its standard input until that closes, which happens when
// the test process ends in any way. Then it ends the server, even a frozen one, and
// removes the directory. It needs no goroutine of the test process, which a leak
// check would find.
const watchdog = `
trap '' HUP INT TERM
make=$1 postgres=$2 dir=$3; shift 3
cd "$dir" || exit 1
fail() { touch failed; read -r _; cd / && rm -rf "$dir"; exit 1; }
eval "$make" >initdb.log 2>&1 || fail
run() { "$postgres" -D data -k "$dir" "$@" >>server.log 2>&1 </dev/null & pid=$!; }
run "$@"
while read -r order; do
	case $order in
	stop) kill -INT $pid; wait $pid; touch stopped ;;
	start) rm -f stopped; run "$@" ;;
	esac
done
for proc in /proc/[0-9]*; do
	[ "$proc/cwd" -ef data ] && kill -CONT "${proc#/proc/}"
done
kill -QUIT $pid
wait $pid
cd / && rm -rf "$dir"
`

// start starts a server with additional settings, and creates the template database.
func start(settings ...string) (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := run(ctx, func(b postgres.Binaries) string {
		return b.Program("initdb") + " -D data -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions"
	}, settings)
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("start test server: %w", err)
	}
	return s, nil
}

// run starts a server in a cluster that a shell command makes in the folder data.
func run(ctx context.Context, make func(postgres.Binaries) string, settings []string) (*server, error) {
	found := postgres.FindBinaries(ctx)
	if len(found) == 0 {
		return nil, errNoPostgres
	}
	account, err := postgres.ServerAccount()
	if err != nil {
		return nil, err
	}
	removeLeftovers(account)
	dir, err := os.MkdirTemp(serverTemp(), "exchequer-test-")
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, account.UID, account.GID); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()

	cmd := exec.Command("/bin/sh", "-c", watchdog, "watchdog", make(found[0]), found[0].Program("postgres"), dir)
	for _, setting := range append([]string{
		"listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off",
		"shared_buffers=256MB", "max_connections=200", "timezone=UTC", "jit=off",
		"autovacuum_naptime=10min", "max_wal_size=512MB",
	}, settings...) {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	cmd.Dir, cmd.Stdin = dir, read
	// A session of its own, so that Ctrl-C on the tests does not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account.Credential(), Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{dir: dir, orders: write}, nil
}

// prepare waits for the server and creates the template database.
func (s *server) prepare(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	var version int
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
	if err == nil {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+template)
	}
	conn.Close(ctx)
	if err != nil {
		return err
	}
	if version >= 150000 { // before, it is the only one and has no name
		s.strategy = " STRATEGY file_copy" // half the processor time of the other, as nothing waits for the disk
	}
	pool, err := postgres.Open(ctx, s.url(template), postgres.Options{})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.Migrate(ctx, pool); err != nil || !*byMonth {
		return err
	}
	for _, step := range []string{"bound_months('0001-02-01')", "check_months()", "divide_months()"} {
		if _, err := pool.Exec(ctx, "SELECT "+step); err != nil {
			return err
		}
	}
	return nil
}

// connect waits for the server to answer.
func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn, nil
		}
		if _, made := os.Stat(filepath.Join(s.dir, "failed")); made == nil || ctx.Err() != nil {
			initdb, _ := os.ReadFile(filepath.Join(s.dir, "initdb.log"))
			log, _ := os.ReadFile(filepath.Join(s.dir, "server.log"))
			return nil, fmt.Errorf("%w\n%s%s", err, initdb, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// admin runs a statement that may not be part of a transaction. It does not use the
// test's context, which has ended when cleanups run.
func (s *server) admin(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (s *server) url(database string) string {
	query := url.Values{"host": {s.dir}, "port": {"5432"}}
	return "postgres://postgres@/" + database + "?" + query.Encode()
}

// inMemory is a directory of files in memory, where a database is made in a third of the
// processor time.
const inMemory = "/dev/shm"

// serverTemp returns the directory for the files of servers: in memory if there is
// plenty, but not for benchmarks, whose ledgers are large and are to be read as elsewhere.
func serverTemp() string {
	const plenty = 8 << 30
	var disk syscall.Statfs_t
	bench := flag.Lookup("test.bench")
	if bench != nil && bench.Value.String() == "" && syscall.Statfs(inMemory, &disk) == nil && uint64(disk.Bavail)*uint64(disk.Bsize) > plenty {
		return inMemory
	}
	return shortTemp()
}

// shortTemp returns the directory for temporary files, or /tmp if its path is too
// long for a Unix socket or not accessible to the account of the server.
func shortTemp() string {
	const longest = 103 - len("/exchequer-test-1234567890/.s.PGSQL.5432")
	if dir := os.TempDir(); len(dir) <= longest && os.Geteuid() != 0 {
		return dir
	}
	return "/tmp"
}

// removeLeftovers removes old directories whose server is gone, left by a machine
// that went down. It ignores errors.
func removeLeftovers(account postgres.Account) {
	found, _ := filepath.Glob(filepath.Join(shortTemp(), "exchequer-test-*"))
	more, _ := filepath.Glob(filepath.Join(inMemory, "exchequer-test-*"))
	for _, dir := range append(found, more...) {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		if owner, known := info.Sys().(*syscall.Stat_t); !known || int(owner.Uid) != account.UID {
			continue
		}
		content, _ := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
		first, _, _ := strings.Cut(string(content), "\n")
		pid, err := strconv.Atoi(first)
		if err != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(dir)
		}
	}
}
