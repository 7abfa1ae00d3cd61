//go:build unix

package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// OldestMajor is the oldest Postgres release that the schema supports.
const OldestMajor = 14

// Binaries are the programs of one Postgres release.
type Binaries struct {
	Dir   string // holds postgres and initdb
	Major int
}

// Program returns the path of a program of the release.
func (b Binaries) Program(name string) string { return filepath.Join(b.Dir, name) }

// FindBinaries returns the Postgres releases of the machine, newest first, without
// those older than OldestMajor. It looks on the PATH, in the directory that
// pg_config prints, and where Debian, Fedora and Homebrew install them. It runs
// what it finds as ServerAccount, never as root.
func FindBinaries(ctx context.Context) []Binaries {
	account, err := ServerAccount()
	if err != nil {
		return nil
	}
	return findBinaries(ctx, account)
}

func findBinaries(ctx context.Context, account Account) []Binaries {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	if out, err := account.command(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		found, _ := filepath.Glob(pattern) // fails only on a bad pattern
		dirs = append(dirs, found...)
	}

	var all []Binaries
	for _, dir := range dirs {
		if b, err := binariesIn(ctx, account, dir); err == nil && b.Major >= OldestMajor {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b Binaries) int { return b.Major - a.Major })
	return slices.Compact(all)
}

// versionLine is what `postgres --version` prints: "postgres (PostgreSQL) 15.9".
var versionLine = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func binariesIn(ctx context.Context, account Account, dir string) (Binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return Binaries{}, err
	}
	out, err := account.command(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask postgres in %s for its version: %w", dir, err)
	}
	match := versionLine.FindSubmatch(out)
	if match == nil {
		return Binaries{}, fmt.Errorf("postgres in %s: unknown version %q", dir, strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return Binaries{}, fmt.Errorf("postgres in %s: %w", dir, err)
	}
	return Binaries{Dir: dir, Major: major}, nil
}
