package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// mysqlConfig reads mysql://user:password@host:port/database, with tls, tls-ca and socket
// as parameters.
func mysqlConfig(u *url.URL) (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	if c.DBName = strings.TrimPrefix(u.Path, "/"); c.DBName == "" {
		return nil, errors.New("the source names no database: mysql://user:password@host/database")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	query := u.Query()
	socket := query.Get("socket")
	if socket != "" {
		c.Net, c.Addr = "unix", socket
	}
	for key := range query {
		if key != "tls" && key != "tls-ca" && key != "socket" {
			return nil, fmt.Errorf("the source has the parameter %q, want tls, tls-ca or socket", key)
		}
	}
	mode := query.Get("tls")
	if mode == "" {
		mode = "verify"
		if ip := net.ParseIP(u.Hostname()); socket != "" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			mode = "off"
		}
	}
	switch mode {
	case "verify":
		c.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		if file := query.Get("tls-ca"); file != "" {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read tls-ca: %w", err)
			}
			c.TLS.RootCAs = x509.NewCertPool()
			if !c.TLS.RootCAs.AppendCertsFromPEM(text) {
				return nil, errors.New("tls-ca has no certificate")
			}
		}
	case "unverified":
		c.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // as the operator says
	case "off":
	default:
		return nil, fmt.Errorf("tls is %q, want verify, unverified or off", mode)
	}
	c.Timeout, c.ReadTimeout, c.WriteTimeout = connectTimeout, statementTimeout+connectTimeout, connectTimeout
	c.Params = map[string]string{"time_zone": "'+00:00'"} // of TIMESTAMP
	c.Logger = &mysql.NopLogger{}
	return c, nil
}

func openMySQL(config *mysql.Config) (source, error) {
	c, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	return newSource(engineMySQL, sql.OpenDB(c)), nil
}

func newSource(e engine, db *sql.DB) source {
	db.SetMaxOpenConns(1) // of a server that others need
	db.SetConnMaxIdleTime(time.Minute)
	return &database{e, db}
}

// limitMySQL limits the time of a statement, by the name that the server has for it.
func limitMySQL(ctx context.Context, conn *sql.Conn) error {
	var version string
	if err := conn.QueryRowContext(ctx, `SELECT VERSION()`).Scan(&version); err != nil {
		return fmt.Errorf("connect to the source: %w", err)
	}
	set := fmt.Sprintf("SET SESSION max_execution_time = %d", statementTimeout.Milliseconds())
	if strings.Contains(version, "MariaDB") {
		set = fmt.Sprintf("SET SESSION max_statement_time = %d", int(statementTimeout.Seconds()))
	}
	if _, err := conn.ExecContext(ctx, set); err != nil {
		return fmt.Errorf("limit the time of statements of the source: %w", err)
	}
	return nil
}

// refused reports whether a query fails because the source lacks a table or a column, or
// because the user may not read one.
func refused(err error) bool {
	var ofMySQL *mysql.MySQLError
	var ofPostgres *pgconn.PgError
	var ofSQLite *sqlite.Error
	switch {
	case errors.As(err, &ofMySQL):
		return slices.Contains([]uint16{1054, 1142, 1143, 1146}, ofMySQL.Number)
	case errors.As(err, &ofPostgres):
		return slices.Contains([]string{"42P01", "42501", "42703"}, ofPostgres.Code)
	case errors.As(err, &ofSQLite):
		return strings.Contains(ofSQLite.Error(), "no such ")
	}
	return false
}

func postgresConfig(text string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, errors.New("the source is not a URL as libpq would take: postgres://user:password@host/database?sslmode=verify-full")
	}
	c.ConnectTimeout = connectTimeout
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // the text of a query is another one each time
	c.RuntimeParams["application_name"] = "exchequer sync"
	c.RuntimeParams["timezone"] = "UTC"
	c.RuntimeParams["default_transaction_read_only"] = "on"
	c.RuntimeParams["statement_timeout"] = strconv.FormatInt(statementTimeout.Milliseconds(), 10)
	return c, nil
}

func openPostgres(config *pgx.ConnConfig) source {
	return newSource(enginePostgres, stdlib.OpenDB(*config))
}

// A sqliteFile is a SQLite database, which may be replaced by another file of its name.
type sqliteFile struct {
	source
	path   string
	opened os.FileInfo
}

func openSQLite(path string) (source, error) {
	s := &sqliteFile{path: path}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sqliteFile) open() (err error) {
	if s.opened, err = os.Stat(s.path); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(true)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	s.source = newSource(engineSQLite, db)
	return nil
}

// read reads the file that has the name now.
func (s *sqliteFile) read(ctx context.Context, f func(snapshot) error) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if !os.SameFile(info, s.opened) {
		s.close()
		if err := s.open(); err != nil {
			return err
		}
	}
	return s.source.read(ctx, f)
}
