package connector

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An engine is a kind of database.
type engine string

const (
	engineMySQL    engine = "mysql" // and MariaDB
	enginePostgres engine = "postgres"
	engineSQLite   engine = "sqlite"
)

var engines = []engine{engineMySQL, enginePostgres, engineSQLite}

const (
	connectTimeout   = 10 * time.Second
	statementTimeout = time.Minute
)

// A source is a database that is read.
type source struct {
	engine engine
	db     *sql.DB
}

// parseSource returns what connects to the database of a URL. Errors do not have the URL
// in them, since it may have a password in it.
func parseSource(text string) (func() (*source, error), error) {
	if text == "" {
		return nil, errors.New("no source is given: mysql://user:password@host/database, postgres://… or sqlite:FILE")
	}
	if file, is := strings.CutPrefix(text, "sqlite:"); is {
		file = strings.TrimPrefix(file, "//")
		return func() (*source, error) { return openSQLite(file) }, nil
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
		return func() (*source, error) { return openMySQL(config) }, nil
	case "postgres", "postgresql":
		config, err := postgresConfig(text)
		if err != nil {
			return nil, err
		}
		return func() (*source, error) { return openPostgres(config), nil }, nil
	}
	return nil, fmt.Errorf("the source is of the kind %q, want mysql, postgres or sqlite", u.Scheme)
}

// fits returns an error unless the preset is for this kind of database.
func (s *source) fits(p *Preset) error {
	if !slices.Contains(p.engines, s.engine) {
		return fmt.Errorf("preset %s reads %q, and not %s", p.Name, p.engines, s.engine)
	}
	return nil
}

// read calls f with a snapshot of the source, which cannot write.
func (s *source) read(ctx context.Context, f func(*snapshot) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the source: %w", err)
	}
	defer conn.Close()
	if s.engine == engineMySQL {
		if err := limitMySQL(ctx, conn); err != nil {
			return err
		}
	}
	options := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	if s.engine == engineSQLite { // opened so that it cannot write; a transaction is a snapshot
		options = nil
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin to read the source: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	return f(&snapshot{tx})
}

// A snapshot of a source does not change while it is read.
type snapshot struct{ tx *sql.Tx }

// errEnough ends a query early.
var errEnough = errors.New("enough rows")

// each calls f with the columns and the rows of a query, as text, until f returns
// errEnough. f keeps the fields.
func (s *snapshot) each(ctx context.Context, query string, f func(header, fields []string) error) (err error) {
	rows, err := s.tx.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("query the source: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	header, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("query the source: %w", err)
	}
	values, into := make([]any, len(header)), make([]any, len(header))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		fields := make([]string, len(header))
		for i, v := range values {
			fields[i] = text(v)
		}
		if err := f(header, fields); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	return nil
}

// text returns a value as it would stand in a file; nothing for NULL.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(v), 'f', -1, 32)
	case time.Time:
		return v.Format("2006-01-02 15:04:05.999999")
	}
	return fmt.Sprint(value)
}
