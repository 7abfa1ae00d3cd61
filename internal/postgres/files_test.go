package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// planted puts a link to a file that is not the server's in a place that this
// program reads or writes, and returns the file.
func planted(t *testing.T, place string) (victim string) {
	t.Helper()
	victim = filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte(strconv.Itoa(os.Getppid())+"\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, place); err != nil {
		t.Fatal(err)
	}
	return victim
}

// The server's account may write in its cluster, and may have been given the
// whole data directory. What it links to there must not be read or changed by
// this program, which may be root.
func TestALinkInPlaceOfAFileOfTheServersIsNotFollowed(t *testing.T) {
	for place, act := range map[string]func(dir string) error{
		"exchequer.lock": func(dir string) error { _, err := lockDir(dir); return err },
		"postgres.log":   func(dir string) error { _, err := openLog(filepath.Join(dir, "postgres.log")); return err },
		"postgres/PG_VERSION": func(dir string) error {
			_, err := chooseBinaries(t.Context(), mustAccount(t, dir), dir, filepath.Join(dir, "postgres"), Source{}, silent)
			return err
		},
		"postgres/postmaster.pid": func(dir string) error {
			return forgetReusedPID(mustAccount(t, dir), filepath.Join(dir, "postgres"))
		},
	} {
		t.Run(place, func(t *testing.T) {
			dir := serverDir(t)
			victim := planted(t, filepath.Join(dir, place))
			before, err := os.ReadFile(victim)
			if err != nil {
				t.Fatal(err)
			}
			err = act(dir)
			if place != "postgres/postmaster.pid" && (err == nil || strings.Contains(err.Error(), "secret")) {
				t.Errorf("error = %v, want one that does not quote the file", err)
			}
			if after, err := os.ReadFile(victim); string(after) != string(before) {
				t.Errorf("the file is now %q, %v, want it as it was", after, err)
			}
			if pid := recordedPID(mustAccount(t, dir), filepath.Join(dir, "postgres")); pid != 0 {
				t.Errorf("pid %d was read from a file that is not the server's", pid)
			}
		})
	}
}

func TestAFileOfAnotherAccountIsNotTheServers(t *testing.T) {
	dir := serverDir(t)
	pidFile := filepath.Join(dir, "postmaster.pid")
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getppid())+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid := recordedPID(Account{Name: "other", UID: os.Geteuid() + 1}, dir); pid != 0 {
		t.Errorf("pid = %d, want none from another's file", pid)
	}
	if pid := recordedPID(Account{Name: "self", UID: os.Geteuid()}, dir); pid != os.Getppid() {
		t.Errorf("pid = %d, want %d", pid, os.Getppid())
	}
}

func TestANamedPipeDoesNotBlock(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "postmaster.pid")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := openRegular(pipe, os.O_RDONLY, 0); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("open = %v, want that it is no file", err)
	}
}
