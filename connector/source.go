package connector

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// An engine is a kind of source.
type engine string

const (
	engineMySQL    engine = "mysql" // and MariaDB
	enginePostgres engine = "postgres"
	engineSQLite   engine = "sqlite"
)

var engines = []engine{engineMySQL, enginePostgres, engineSQLite}

// A source is where the rows of a preset's streams come from.
type source interface {
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
	each(ctx context.Context, s *stream, after int64, limit int, f func(header, fields []string) error) error
}

// errEnough ends the reading of a stream early.
var errEnough = errors.New("enough rows")

// parseSource returns what connects to the database of a URL. Errors do not have the URL
// in them, since it may have a password in it.
func parseSource(text string) (func() (source, error), error) {
	if text == "" {
		return nil, errors.New("no source is given: mysql://user:password@host/database, postgres://… or sqlite:FILE")
	}
	if file, is := strings.CutPrefix(text, "sqlite:"); is {
		file = strings.TrimPrefix(file, "//")
		return func() (source, error) { return openSQLite(file) }, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the source is not a URL such as mysql://user:password@host/database; characters such as @ and / in a password are written %40 and %2F")
	}
	switch u.Scheme {
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
	return nil, fmt.Errorf("the source is of the kind %q, want mysql, postgres or sqlite", u.Scheme)
}

// fits returns an error unless the preset is for the engine.
func (e engine) fits(p *Preset) error {
	if !slices.Contains(p.engines, e) {
		return fmt.Errorf("preset %s reads %q, and not %s", p.Name, p.engines, e)
	}
	return nil
}
