package postgres

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// errDiskFull is the error of a start on a full disk.
var errDiskFull = errors.New("the disk is full, make room on it")

const diskFull = "53100" // SQLSTATE

// DiskFull reports whether err was caused by a full disk, which the operator can
// remedy.
func DiskFull(err error) bool {
	var refused *pgconn.PgError
	return errors.Is(err, errDiskFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.As(err, &refused) && refused.Code == diskFull
}

// leastRoom is two segments of the server's write-ahead log: with less, recovery may
// fail.
const leastRoom = 32 << 20

// explainDisk marks the error of a start that failed on a full disk. The server logs
// the cause, unless its log is on the same disk.
func explainDisk(err error, dir string) error {
	if err == nil {
		return nil
	}
	said := err.Error()
	if DiskFull(err) || strings.Contains(said, "No space left on device") || strings.Contains(said, "Disk quota exceeded") || roomLeft(dir) < leastRoom {
		return fmt.Errorf("%w: %w", errDiskFull, err)
	}
	return err
}

// roomLeft returns how many bytes an ordinary account can still write on the disk of
// dir.
func roomLeft(dir string) uint64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return leastRoom // unknown: not full
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize)
}
