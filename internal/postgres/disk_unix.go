//go:build unix

package postgres

import (
	"fmt"
	"strings"
	"syscall"
)

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
