//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// settings suit one program on a small machine. They are on the command line, so
// that a cluster made by an older release gets the current ones.
func settings(socket string) map[string]string {
	return map[string]string{
		"listen_addresses":        "", // the Unix socket only
		"unix_socket_directories": socket,
		"unix_socket_permissions": "0700",
		"port":                    "5432", // part of the socket's name
		"shared_buffers":          "256MB",
		"effective_cache_size":    "1GB",
		"work_mem":                "32MB",
		"maintenance_work_mem":    "128MB",
		"max_wal_size":            "2GB",
		"checkpoint_timeout":      "15min",
		"wal_compression":         "on",
		"random_page_cost":        "1.1",
		"jit":                     "off",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_line_prefix":         "%m [%p] ",
		"log_checkpoints":         "off",
		"logging_collector":       "off",
	}
}

// serverCommand returns the command of the server itself, not of pg_ctl, so that the
// program can wait for it. It has a session of its own: Ctrl-C on a terminal reaches
// only the program, which drains before it stops the server.
func serverCommand(b Binaries, account Account, data, socket string, over map[string]string, log *os.File) *exec.Cmd {
	all := settings(socket)
	maps.Copy(all, over)
	cmd := account.command(context.Background(), b.Program("postgres"), "-D", data)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cmd.Args = append(cmd.Args, "-c", name+"="+all[name])
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = data, log, log
	return cmd
}

// makeCluster makes the cluster at data if there is none. It renames a complete
// cluster into place, so that a start which is killed leaves no partial one.
func makeCluster(ctx context.Context, b Binaries, account Account, data string, log *slog.Logger) error {
	if _, err := os.Lstat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	log.Info("making a database", "dir", data, "postgres", b.Major)
	unfinished := data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	if err := account.own(unfinished); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	characters := "C"
	if runtime.GOOS == "linux" {
		characters = "C.UTF-8"
	}
	// The C collation never changes under the indexes, unlike those of the C
	// library. The socket's directory, not a password, keeps others out.
	cmd := account.command(ctx, b.Program("initdb"), "-D", unfinished, "-U", superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--lc-ctype="+characters, "--data-checksums", "--no-instructions")
	cmd.Dir = unfinished
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("make database: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("make database: initdb: %w\n%s", err, out)
	}
	if err := os.Rename(unfinished, data); err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	return nil
}

// longestSocketDir leaves room for the socket's name in the 107 bytes of a path on
// Linux (macOS: 103).
const longestSocketDir = 103 - len("/.s.PGSQL.5432")

// socketDir returns the directory of the server's socket: inside the directory, or
// if that path is too long for a socket, a temporary directory whose name follows
// from the path.
func socketDir(dir string) string {
	inside := filepath.Join(dir, "run")
	if len(inside) <= longestSocketDir {
		return inside
	}
	return filepath.Join("/tmp", "exchequer-"+shortHash(dir))
}

// makeSocketDir makes the socket's directory, which only the server's account may
// enter. It returns an error if somebody else made it before, as is possible in
// /tmp.
func makeSocketDir(dir string, account Account) (string, error) {
	socket := socketDir(dir)
	err := os.Mkdir(socket, 0o700)
	if err == nil {
		err = account.own(socket)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make directory for the socket: %w", err)
	}
	info, err := os.Lstat(socket)
	if err != nil {
		return "", fmt.Errorf("make directory for the socket: %w", err)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !known || int(owner.Uid) != account.UID {
		return "", fmt.Errorf("make directory for the socket: %s is not a directory of account %s alone: remove it", socket, account.Name)
	}
	// A killed server leaves its socket and lock file. Postgres would take them
	// for those of a running server if another process has its pid.
	parent, err := os.OpenRoot(filepath.Dir(socket)) // does not follow a link in the socket's place
	if err != nil {
		return "", fmt.Errorf("clear directory for the socket: %w", err)
	}
	defer parent.Close()
	for _, name := range []string{".s.PGSQL.5432", ".s.PGSQL.5432.lock"} {
		if err := parent.Remove(filepath.Join(filepath.Base(socket), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("clear directory for the socket: %w", err)
		}
	}
	return socket, nil
}

// keptLog is how large the server's log may be at a start before it is renamed. The
// server logs little: warnings, and its starts and stops.
const keptLog = 10 << 20

func openLog(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && info.Size() > keptLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set aside server log: %w", err)
		}
	}
	file, err := openRegular(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	return file, nil
}

// logTail returns the last lines that the server logged in this run.
func (e *Embedded) logTail() string {
	file, err := openRegular(e.logPath, os.O_RDONLY, 0)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	tail := make([]byte, min(4096, max(0, size-e.offset)))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(tail)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}
