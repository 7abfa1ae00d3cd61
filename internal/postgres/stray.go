//go:build unix

package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// stopStray ends the processes of a server whose program was killed. The caller holds
// the directory's lock, so no program uses them.
func stopStray(ctx context.Context, account Account, data string, log *slog.Logger) error {
	data, err := filepath.EvalSymlinks(data)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a server left by a killed program: %w", err)
	}
	patience := time.Now().Add(30 * time.Second)
	var signalled []int
	for pids := serversIn(account, data); len(pids) > 0; pids = serversIn(account, data) {
		if len(signalled) == 0 {
			log.Info("stopping the Postgres server that a killed program left", "pids", pids)
		}
		server := recordedPID(account, data)
		for _, pid := range pids {
			switch {
			case time.Now().After(patience):
				syscall.Kill(pid, syscall.SIGKILL)
			case slices.Contains(signalled, pid):
			case pid == server:
				syscall.Kill(pid, syscall.SIGINT) // stops its own processes
			case !slices.Contains(pids, server):
				syscall.Kill(pid, syscall.SIGQUIT)
			default:
				continue // the server ends it
			}
			signalled = append(signalled, pid)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return forgetReusedPID(account, data)
}

// recordedPID is the pid that the cluster's lock file names, 0 if there is none.
func recordedPID(account Account, data string) int {
	content, err := account.readSmall(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(first)))
	if err != nil {
		return 0
	}
	return pid
}

// forgetReusedPID repairs the lock file of a killed server whose pid now belongs to
// another program, as is common in containers and after a reboot: Postgres would
// refuse to start. The file must stay, since Postgres finds by its other lines
// whether the old shared memory is still in use. So its pid becomes that of this
// program, which Postgres ignores as its parent.
func forgetReusedPID(account Account, data string) error {
	pid := recordedPID(account, data)
	if pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	path := filepath.Join(data, "postmaster.pid")
	file, err := account.openOf(path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, 4096))
	if err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	mended := append([]byte(strconv.Itoa(os.Getpid())+"\n"), rest...)
	if _, err := file.WriteAt(mended, 0); err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	if err := file.Truncate(int64(len(mended))); err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	return nil
}
