package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"

	"exchequer/internal/postgres"
)

// A MariaDB is a throwaway server with an empty database, which ends with the test.
type MariaDB struct {
	Addr string  // host:port
	DB   *sql.DB // as a user who may do everything

	t      testing.TB
	dir    string
	orders *os.File // standard input of the watchdog, which ends the server at its end
}

// mariaWatchdog does for MariaDB what watchdog does for Postgres.
const mariaWatchdog = `
trap '' HUP INT TERM
dir=$1 port=$2
cd "$dir" || exit 1
fail() { touch failed; read -r _; cd / && rm -rf "$dir"; exit 1; }
mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || fail
cat >init.sql <<'SQL'
CREATE DATABASE IF NOT EXISTS game;
CREATE USER IF NOT EXISTS admin@'127.0.0.1' IDENTIFIED BY 'admin';
GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;
SQL
run() {
	mariadbd --no-defaults --datadir="$dir/data" --socket="$dir/socket" --pid-file="$dir/pid" --init-file="$dir/init.sql" \
		--bind-address=127.0.0.1 --port="$port" --skip-name-resolve --innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=0 \
		--innodb-buffer-pool-size=128M --innodb-log-file-size=64M --performance-schema=OFF --log-bin-trust-function-creators=1 >>server.log 2>&1 </dev/null &
	pid=$!
}
run
while read -r order; do
	case $order in
	kill) kill -KILL $pid; wait $pid; touch killed ;;
	start) rm -f killed; run ;;
	esac
done
kill -KILL $pid
wait $pid
cd / && rm -rf "$dir"
`

// NewMariaDB starts a server. As root it runs as the account that Postgres would.
func NewMariaDB(t testing.TB) *MariaDB {
	t.Helper()
	const path = "PATH=$PATH:/usr/sbin:/sbin; " // where Debian has the server
	if err := exec.Command("/bin/sh", "-c", path+"command -v mariadbd && command -v mariadb-install-db").Run(); err != nil {
		t.Fatal("there is no mariadbd or mariadb-install-db: install them (Debian: apt-get install mariadb-server)")
	}
	account, err := postgres.ServerAccount()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(serverTemp(), "exchequer-test-")
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	if err := os.Chown(dir, account.UID, account.GID); err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	m := &MariaDB{Addr: FreeAddr(t), t: t, dir: dir}
	_, port, _ := net.SplitHostPort(m.Addr)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	defer read.Close()
	m.orders = write
	cmd := exec.Command("/bin/sh", "-c", path+mariaWatchdog, "watchdog", dir, port)
	cmd.Dir, cmd.Stdin = dir, read
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account.Credential(), Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	t.Cleanup(func() {
		write.Close()
		_ = cmd.Wait() // its exit is that of a killed server
	})
	if m.DB, err = sql.Open("mysql", "admin:admin@tcp("+m.Addr+")/game?multiStatements=true"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.DB.Close() })
	m.wait()
	return m
}

// wait waits for the server to answer.
func (m *MariaDB) wait() {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		err := m.DB.PingContext(ctx)
		if err == nil {
			return
		}
		if _, failed := os.Stat(filepath.Join(m.dir, "failed")); failed == nil || ctx.Err() != nil {
			install, _ := os.ReadFile(filepath.Join(m.dir, "install.log"))
			log, _ := os.ReadFile(filepath.Join(m.dir, "server.log"))
			m.t.Fatalf("start MariaDB: %v\n%s%s", err, install, log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Exec runs statements, separated by semicolons.
func (m *MariaDB) Exec(statements string, args ...any) {
	m.t.Helper()
	if _, err := m.DB.ExecContext(m.t.Context(), statements, args...); err != nil {
		m.t.Fatalf("%.200s: %v", statements, err)
	}
}

// Restart kills the server, as a power failure would, and starts it again.
func (m *MariaDB) Restart() {
	m.t.Helper()
	fmt.Fprintln(m.orders, "kill")
	for range 200 {
		if _, err := os.Stat(filepath.Join(m.dir, "killed")); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Fprintln(m.orders, "start")
	m.wait()
}

// URL is the address of the database for a user.
func (m *MariaDB) URL(user, password string) string {
	return "mysql://" + user + ":" + password + "@" + m.Addr + "/game"
}
