package postgres

import (
	"errors"
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
