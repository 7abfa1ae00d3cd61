package postgres

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// errDiskFull is what a start fails with for want of room.
var errDiskFull = errors.New("the disk is full, make room on it")

const diskFull = "53100" // SQLSTATE

// DiskFull reports whether err comes of a disk without room, which passes as
// soon as somebody makes some.
func DiskFull(err error) bool {
	var refused *pgconn.PgError
	return errors.Is(err, errDiskFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.As(err, &refused) && refused.Code == diskFull
}

// leastRoom is two segments of the server's log of changes: with less, recovery
// may fail.
const leastRoom = 32 << 20

// explainDisk marks the error of a start that failed for want of room. The
// server says so in its log, unless that is on the same disk.
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

// roomLeft returns how many bytes an ordinary account may still write on the
// disk of dir.
func roomLeft(dir string) uint64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return leastRoom // unknown is not full
	}
	return uint64(disk.Bavail) * uint64(disk.Bsize)
}
