package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// An Account of the operating system that a server runs as.
type Account struct {
	Name     string
	UID, GID int
	other    bool // not the one that this program runs as
}

// ServerAccount returns whom a server must run as: the program's own account,
// or, since Postgres refuses to run as root, another one for root.
func ServerAccount() (Account, error) {
	if os.Geteuid() != 0 {
		return Account{Name: "this user", UID: os.Geteuid(), GID: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if known, err := user.Lookup(name); err == nil {
			return otherAccount(known)
		}
	}
	return Account{}, errors.New("find an account for Postgres: it does not run as root, and there is no account postgres or nobody here; create one (useradd --system postgres) or start as an ordinary user")
}

func otherAccount(known *user.User) (Account, error) {
	uid, err := strconv.Atoi(known.Uid)
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", known.Username, err)
	}
	gid, err := strconv.Atoi(known.Gid)
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", known.Username, err)
	}
	return Account{Name: known.Username, UID: uid, GID: gid, other: true}, nil
}

// Credential is what a process needs to run as the account; nil for the
// program's own.
func (a Account) Credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
}
