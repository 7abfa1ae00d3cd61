//go:build unix

package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A dirLock is held by the program that runs the server of a directory. The
// kernel releases it when the program ends, however that happens.
type dirLock struct{ file *os.File }

// lockDir takes the lock of the directory, or returns an *InUseError.
func lockDir(dir string) (*dirLock, error) {
	file, err := openRegular(filepath.Join(dir, "exchequer.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w; choose another with --data-dir", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer file.Close()
		content, _ := io.ReadAll(io.LimitReader(file, 4096))
		first, _, _ := bytes.Cut(content, []byte("\n"))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(first)))
		return nil, &InUseError{Dir: dir, PID: pid, URL: socketURL(socketDir(dir), databaseName)}
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(file, os.Getpid())
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return &dirLock{file}, nil
}

func (l *dirLock) release() error { return l.file.Close() }
