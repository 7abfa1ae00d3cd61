//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// The server's account can write in the cluster, and in the whole data directory if
// it owns that. So this program, which may be root, never follows a link there.

// openRegular opens a regular file; a link is an error.
func openRegular(path string, flag int, perm os.FileMode) (*os.File, error) {
	// Without O_NONBLOCK a named pipe would block.
	file, err := os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, perm)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a link, which is not followed: remove it", path)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// openOf opens a regular file that belongs to the account. A file of another account
// may be a hard link.
func (a Account) openOf(path string, flag int) (*os.File, error) {
	file, err := openRegular(path, flag, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		if owner, known := info.Sys().(*syscall.Stat_t); !known || int(owner.Uid) != a.UID {
			err = fmt.Errorf("%s does not belong to account %s", path, a.Name)
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// readSmall reads a small file that belongs to the account.
func (a Account) readSmall(path string) ([]byte, error) {
	file, err := a.openOf(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 4096))
}
