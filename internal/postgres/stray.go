package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// stopStray ends what a killed program left of its server. The caller holds
// the directory's lock, so whatever works in the cluster is nobody's.
func stopStray(ctx context.Context, data string, log *slog.Logger) error {
	data, err := filepath.EvalSymlinks(data)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a server left by a killed program: %w", err)
	}
	patience := time.Now().Add(30 * time.Second)
	var told []int
	for pids := serversIn(data); len(pids) > 0; pids = serversIn(data) {
		if len(told) == 0 {
			log.Info("stopping the Postgres server that a killed program left", "pids", pids)
		}
		server := recordedPID(data)
		for _, pid := range pids {
			switch {
			case time.Now().After(patience):
				syscall.Kill(pid, syscall.SIGKILL)
			case slices.Contains(told, pid):
			case pid == server:
				syscall.Kill(pid, syscall.SIGINT) // stops its own processes
			case !slices.Contains(pids, server):
				syscall.Kill(pid, syscall.SIGQUIT)
			default:
				continue // its server tells it
			}
			told = append(told, pid)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return forgetReusedPID(data)
}

// recordedPID is the pid that the cluster's lock file names, 0 if there is none.
func recordedPID(data string) int {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
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

// forgetReusedPID mends the lock file of a killed server whose pid now belongs
// to some other program, as is common in containers and after a reboot:
// Postgres would refuse to start. The file must stay, because Postgres finds
// by its other lines whether the old shared memory is still in use; so its pid
// becomes this program's, which Postgres, as its child, ignores.
func forgetReusedPID(data string) error {
	pid := recordedPID(data)
	if pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	path := filepath.Join(data, "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	mended := append([]byte(strconv.Itoa(os.Getpid())+"\n"), rest...)
	if err := os.WriteFile(path, mended, 0o600); err != nil {
		return fmt.Errorf("mend %s: %w", path, err)
	}
	return nil
}
