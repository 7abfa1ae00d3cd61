//go:build unix

package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// unfinishedSuffix marks a release that is being unpacked.
const unfinishedSuffix = ".new"

const mavenCentral = "https://repo1.maven.org/maven2"

// fetchedMajor is the release that is fetched for a new cluster.
const fetchedMajor = 17

// A release is an archive that can be fetched, made by the project
// zonkyio/embedded-postgres-binaries.
type release struct {
	major           int
	platform        string // as the archive is named; any if empty
	version, sha256 string // sha256 is empty where it is not known
}

// releases are the known archives; the first one that fits is fetched.
// Decision 0007 documents where the checksums come from.
var releases = []release{
	{18, "", "18.4.0", ""},
	{17, "darwin-arm64v8", "17.5.0", "e9d3398e10c2ec926395498b03e75ad1a24eeaed82895e756a7e173b202cf6de"},
	{17, "linux-amd64", "17.6.0", "23da5a044b4fb7a5a081a45008c95749c873305328d73f86aefd56922ce1d29d"},
	{17, "", "17.6.0", ""},
	{16, "linux-amd64", "16.4.0", "14a5cf546aee7d327a2f5b46be6c571f2f724a2b485c270d46f3e44a1ac3df18"},
	{16, "", "16.4.0", ""},
	{15, "", "15.13.0", ""},
	{14, "", "14.18.0", ""},
}

// platform returns the name of this machine's platform in archives.
func platform() string {
	name := runtime.GOOS + "-" + runtime.GOARCH
	if runtime.GOARCH == "arm64" {
		name += "v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		name += "-alpine"
	}
	return name
}

// releaseOf returns the archive of a release for a platform.
func releaseOf(major int, platform string) (release, error) {
	for _, r := range releases {
		if r.major == major && (r.platform == platform || r.platform == "") {
			r.platform = platform
			return r, nil
		}
	}
	return release{}, fmt.Errorf("PostgreSQL %d cannot be fetched", major)
}

// chooseBinaries returns the release for the cluster at data: the one that made it,
// or the newest for a new cluster. It fetches a release that the machine does not
// have into dir.
func chooseBinaries(ctx context.Context, account Account, dir, data string, source Source, log *slog.Logger) (Binaries, error) {
	madeBy := 0 // any
	content, err := account.readSmall(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		if madeBy, err = strconv.Atoi(strings.TrimSpace(string(content))); err != nil {
			err = errors.New("PG_VERSION is not a number")
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Binaries{}, fmt.Errorf("read the cluster's version: %w", err)
	}
	found := findBinaries(ctx, account)
	fetched, _ := filepath.Glob(filepath.Join(dir, "binaries", "*", "bin"))
	for _, bin := range fetched {
		if strings.HasSuffix(filepath.Dir(bin), unfinishedSuffix) {
			continue // an interrupted fetch
		}
		if b, err := binariesIn(ctx, account, bin); err == nil {
			found = append(found, b)
		}
	}
	for _, b := range found {
		if madeBy == 0 || b.Major == madeBy {
			return b, nil
		}
	}
	major := madeBy
	if major == 0 {
		major = fetchedMajor
	}
	wanted, err := releaseOf(major, platform())
	if err == nil {
		var b Binaries
		if b, err = source.fetch(ctx, account, dir, wanted, log); err == nil || ctx.Err() != nil {
			return b, err
		}
	}
	if madeBy != 0 {
		return Binaries{}, fmt.Errorf("the database was made by PostgreSQL %d, which is not on this machine, and fetching it failed (%w): install it (Debian and Ubuntu: apt-get install postgresql-%d)", madeBy, err, madeBy)
	}
	return Binaries{}, fmt.Errorf("no PostgreSQL %d or later on this machine, and fetching it failed (%w): install it (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@%d), or set DATABASE_URL", OldestMajor, err, fetchedMajor)
}

// fetch downloads a release into dir/binaries. It unpacks only an archive with the
// expected checksum, and renames it into place when it is complete.
func (s Source) fetch(ctx context.Context, account Account, dir string, r release, log *slog.Logger) (Binaries, error) {
	expected := strings.ToLower(s.SHA256)
	if expected == "" {
		expected = r.sha256
	}
	if expected == "" {
		return Binaries{}, fmt.Errorf("the checksum of PostgreSQL %s for %s is not known: give it with --postgres-sha256 if you have it from a source that you trust", r.version, r.platform)
	}
	log.Info("no fitting Postgres on this machine, fetching it", "version", r.version)
	jar, err := s.download(ctx, r)
	if err != nil {
		return Binaries{}, err
	}
	sum := sha256.Sum256(jar)
	if got := hex.EncodeToString(sum[:]); got != expected {
		return Binaries{}, fmt.Errorf("the archive of PostgreSQL %s for %s has the SHA-256 %s, want %s: it is not what was expected, and nothing of it is used", r.version, r.platform, got, expected)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Binaries{}, err
	}
	defer root.Close()
	target := filepath.Join("binaries", r.version)
	unfinished := target + unfinishedSuffix // the caller holds the directory's lock
	if err := errors.Join(root.RemoveAll(unfinished), root.RemoveAll(target)); err != nil {
		return Binaries{}, err
	}
	defer root.RemoveAll(unfinished)
	if err := errors.Join(root.MkdirAll(unfinished, 0o755), root.Chmod("binaries", 0o755)); err != nil {
		return Binaries{}, err
	}
	if err := unpack(ctx, jar, root, unfinished); err != nil {
		return Binaries{}, fmt.Errorf("unpack PostgreSQL %s: %w", r.version, err)
	}
	if _, err := binariesIn(ctx, account, filepath.Join(dir, unfinished, "bin")); err != nil {
		return Binaries{}, err
	}
	if err := root.Rename(unfinished, target); err != nil {
		return Binaries{}, err
	}
	return binariesIn(ctx, account, filepath.Join(dir, target, "bin"))
}

// largestArchive is several times the size of the archives.
const largestArchive = 128 << 20

// download returns the archive, which fits in memory.
func (s Source) download(ctx context.Context, r release) ([]byte, error) {
	repository := strings.TrimSuffix(s.Repository, "/")
	if repository == "" {
		repository = mavenCentral
	}
	if address, err := url.Parse(repository); err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, fmt.Errorf("the repository %q is no https address: programs are not fetched over a connection that others can change", repository)
	}
	client := http.Client{Timeout: 10 * time.Minute, Transport: s.transport, CheckRedirect: stayOnHTTPS}
	artifact := "embedded-postgres-binaries-" + r.platform
	address := fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", repository, artifact, r.version, artifact, r.version)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("download %s: %s", address, response.Status)
	}
	var jar bytes.Buffer
	n, err := io.Copy(&jar, io.LimitReader(response.Body, largestArchive+1))
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", address, err)
	}
	if n > largestArchive {
		return nil, fmt.Errorf("download %s: more than %d bytes", address, largestArchive)
	}
	return jar.Bytes(), nil
}

func stayOnHTTPS(next *http.Request, before []*http.Request) error {
	if next.URL.Scheme != "https" {
		return errors.New("redirected away from https")
	}
	if len(before) > 5 {
		return errors.New("redirected too often")
	}
	return nil
}

// shortHash returns a short name that follows from a path.
func shortHash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:6])
}
