package connector

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"exchequer/connector/format"
)

// An engine is a kind of source.
type engine string

const (
	engineMySQL    engine = "mysql" // and MariaDB
	enginePostgres engine = "postgres"
	engineSQLite   engine = "sqlite"
	engineFile     engine = "file"
	engineFolder   engine = "folder"
	engineHTTP     engine = "http"
)

var engines = []engine{engineMySQL, enginePostgres, engineSQLite, engineFile, engineFolder, engineHTTP}

// queried reports whether the engine is read by queries.
func (e engine) queried() bool { return e == engineMySQL || e == enginePostgres || e == engineSQLite }

// A source is where the rows of a preset's streams come from.
type source interface {
	kind() engine
	// fits returns an error unless the preset is for this kind of source.
	fits(*Preset) error
	// read calls f with a snapshot of the source. Nothing is ever written to it.
	read(ctx context.Context, f func(snapshot) error) error
	close()
}

// A snapshot of a source does not change while it is read, as far as the source can see
// to that.
type snapshot interface {
	// each calls f with the header and the rows of a stream, as text, until f returns
	// errEnough: of a stream with a mark the rows of the next ids after one, at most
	// limit of them, in their order; of any other all rows. f keeps the fields.
	each(ctx context.Context, s *stream, after int64, limit int, f func(header []string, row format.Row) error) error
}

// A versioned source can tell, without reading a stream, whether it is as it was.
type versioned interface {
	// version returns what is another one when the stream may have changed; empty: it
	// may have.
	version(*stream) string
}

// A growing source has streams of which only what is appended is read.
type growing interface {
	tail(*stream) *tail
}

// errEnough ends the reading of a stream early.
var errEnough = errors.New("enough rows")

// parseSource returns what connects to the database of a URL. Errors do not have the URL
// in them, since it may have a password in it.
func parseSource(text string) (func() (source, error), error) {
	if text == "" {
		return nil, errors.New("no source is given: mysql://user:password@host/database, postgres://…, sqlite:FILE, file:FILE, dir:FOLDER or https://host/path")
	}
	if file, is := strings.CutPrefix(text, "sqlite:"); is {
		file = strings.TrimPrefix(file, "//")
		return func() (source, error) { return openSQLite(file) }, nil
	}
	if path, is := strings.CutPrefix(text, "file:"); is {
		return func() (source, error) { return &file{engineFile, localPath(path)}, nil }, nil
	}
	if path, is := strings.CutPrefix(text, "dir:"); is {
		return func() (source, error) {
			return &folder{engineFolder, localPath(path), map[string]map[string]parsed{}}, nil
		}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the source is not a URL such as mysql://user:password@host/database; characters such as @ and / in a password are written %40 and %2F")
	}
	switch u.Scheme {
	case "http", "https":
		return parseWebsite(u)
	case "mysql", "mariadb":
		config, err := mysqlConfig(u)
		if err != nil {
			return nil, err
		}
		return func() (source, error) { return openMySQL(config) }, nil
	case "postgres", "postgresql":
		config, err := postgresConfig(text)
		if err != nil {
			return nil, err
		}
		return func() (source, error) { return openPostgres(config), nil }, nil
	}
	return nil, fmt.Errorf("the source is of the kind %q, want mysql, postgres, sqlite, file, dir or https", u.Scheme)
}

// localPath returns the path of file:/path, which may be written file:///path.
func localPath(path string) string {
	if rest, is := strings.CutPrefix(path, "//"); is {
		path = rest
	}
	return filepath.Clean(path)
}

// fits returns an error unless the preset is for the engine.
func (e engine) fits(p *Preset) error {
	if !slices.Contains(p.engines, e) {
		return fmt.Errorf("preset %s reads %q, and not %s", p.Name, p.engines, e)
	}
	return nil
}

func (e engine) kind() engine { return e }
