package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// fetchedMajor is the release that is fetched for a new cluster.
const fetchedMajor = 17

// releases are those that can be fetched.
func releases() map[int]embeddedpostgres.PostgresVersion {
	return map[int]embeddedpostgres.PostgresVersion{
		14: embeddedpostgres.V14, 15: embeddedpostgres.V15, 16: embeddedpostgres.V16,
		17: embeddedpostgres.V17, 18: embeddedpostgres.V18,
	}
}

// chooseBinaries returns the release that runs the cluster at data: the one
// that made it, or for a new cluster the newest. What the machine does not
// have is fetched into dir.
func chooseBinaries(ctx context.Context, dir, data, repository string, log *slog.Logger) (Binaries, error) {
	madeBy := 0 // any
	content, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		madeBy, err = strconv.Atoi(strings.TrimSpace(string(content)))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Binaries{}, fmt.Errorf("read the cluster's version: %w", err)
	}
	found := FindBinaries(ctx)
	fetched, _ := filepath.Glob(filepath.Join(dir, "binaries", "*", "bin"))
	for _, bin := range fetched {
		if b, err := binariesIn(ctx, bin); err == nil {
			found = append(found, b)
		}
	}
	for _, b := range found {
		if madeBy == 0 || b.Major == madeBy {
			return b, nil
		}
	}
	b, err := fetch(ctx, dir, cmp.Or(madeBy, fetchedMajor), repository, log)
	if err == nil || errors.Is(err, context.Canceled) {
		return b, err
	}
	if madeBy != 0 {
		return Binaries{}, fmt.Errorf("the database was made by PostgreSQL %d, which is not on this machine, and fetching it failed (%w): install it (Debian and Ubuntu: apt-get install postgresql-%d)", madeBy, err, madeBy)
	}
	return Binaries{}, fmt.Errorf("no PostgreSQL %d or later on this machine, and fetching it failed (%w): install it (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@%d), or set DATABASE_URL", OldestMajor, err, fetchedMajor)
}

// fetch downloads a release into dir/binaries. The library fetches only as
// part of its own start, over TCP and never as root; so it is asked for a
// cluster in an encoding that does not exist, and what it says of that does
// not matter once the binaries are there.
func fetch(ctx context.Context, dir string, major int, repository string, log *slog.Logger) (Binaries, error) {
	version, known := releases()[major]
	if !known {
		return Binaries{}, fmt.Errorf("PostgreSQL %d cannot be fetched", major)
	}
	log.Info("no fitting Postgres on this machine, fetching it", "version", string(version))
	home := filepath.Join(dir, "binaries")
	target := filepath.Join(home, string(version))
	scratch, err := os.MkdirTemp("", "exchequer-fetch-")
	if err != nil {
		return Binaries{}, err
	}
	config := embeddedpostgres.DefaultConfig().
		Version(version).Port(0).Encoding("none").Logger(io.Discard).
		CachePath(home).BinariesPath(target).
		RuntimePath(filepath.Join(scratch, "run")).DataPath(filepath.Join(scratch, "data"))
	if repository != "" {
		config = config.BinaryRepositoryURL(strings.TrimSuffix(repository, "/"))
	}
	ended := make(chan error, 1)
	go func() {
		defer os.RemoveAll(scratch)
		ended <- embeddedpostgres.NewDatabase(config).Start()
	}()
	select {
	case err = <-ended:
	case <-ctx.Done():
		// The library cannot be interrupted; the program is about to end.
		return Binaries{}, context.Canceled
	}
	b, missing := binariesIn(ctx, filepath.Join(target, "bin"))
	if missing != nil {
		return Binaries{}, err
	}
	return b, nil
}

// shortHash names something by a path.
func shortHash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
