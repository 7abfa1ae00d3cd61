//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// An Account of the operating system that a server runs as.
type Account struct {
	Name     string
	UID, GID int
	other    bool // not the one that this program runs as
}

// ServerAccount returns the account that a server must run as: the program's own,
// or another one for root, since Postgres refuses to run as root.
func ServerAccount() (Account, error) {
	if os.Geteuid() != 0 {
		return Account{Name: strconv.Itoa(os.Geteuid()), UID: os.Geteuid(), GID: os.Getegid()}, nil
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

// Credential returns what a process needs to run as the account, nil for the
// program's own.
func (a Account) Credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
}

// command returns a command that runs as the account with only the environment that
// Postgres needs. Programs that were found or fetched get neither the rights of this
// program nor its secrets.
func (a Account) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.Env = serverEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.Credential(), Setsid: true}
	return cmd
}

// serverEnv returns the environment without what would change the server and
// without secrets of the program.
func serverEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, given := os.LookupEnv(name); given {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "LC_MESSAGES=C")
}

// ownerAccount returns the account that the server of the cluster at data must run
// as: the owner of the cluster, so that a postgres account created later changes
// nothing, or ServerAccount if there is no cluster.
func ownerAccount(data string) (Account, error) {
	account, err := ServerAccount()
	if err != nil || !account.other {
		return account, err
	}
	info, err := os.Stat(data)
	if errors.Is(err, os.ErrNotExist) {
		return account, nil
	}
	if err != nil {
		return Account{}, err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || owner.Uid == 0 || int(owner.Uid) == account.UID {
		return account, nil
	}
	name := strconv.Itoa(int(owner.Uid))
	if known, err := user.LookupId(name); err == nil {
		name = known.Username
	}
	return Account{Name: name, UID: int(owner.Uid), GID: int(owner.Gid), other: true}, nil
}

// own makes the account the owner of a path. It does not follow a link.
func (a Account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Lchown(path, a.UID, a.GID)
}

// reach returns an error that names the directory on the way to dir that the account
// cannot enter, if there is one.
func (a Account) reach(ctx context.Context, dir string) error {
	if !a.other {
		return nil
	}
	var way []string
	for at := dir; ; at = filepath.Dir(at) {
		way = append(way, at)
		if at == filepath.Dir(at) {
			break
		}
	}
	slices.Reverse(way)
	const enter = `for at; do [ -x "$at" ] || { printf %s "$at"; exit 1; }; done`
	out, err := a.command(ctx, "/bin/sh", append([]string{"-c", enter, "sh"}, way...)...).Output()
	if err == nil {
		return nil
	}
	if closed := strings.TrimSpace(string(out)); closed != "" {
		return fmt.Errorf("as root the server runs as account %s, which may not enter %s: choose another --data-dir (as root /var/lib/exchequer is the default), or open that folder (chmod o+x %s)", a.Name, closed, closed)
	}
	return fmt.Errorf("check that account %s can enter %s: %w", a.Name, dir, err)
}
