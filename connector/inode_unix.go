//go:build unix

package connector

import (
	"os"
	"syscall"
)

// inode returns the number by which a file is known, whatever its name is.
func inode(info os.FileInfo) uint64 {
	if s, is := info.Sys().(*syscall.Stat_t); is {
		return s.Ino
	}
	return 0
}
