package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of a pool. The zero value is for a server.
type Options struct {
	ApplicationName  string          // shown in pg_stat_activity; "exchequer" if empty
	StatementTimeout time.Duration   // 15 s if zero, none if negative
	MaxConns         int32           // the greater of 4 and the number of processors if zero
	Role             string          // to act as, one that the user may take on; the user itself if empty
	Tracer           pgx.QueryTracer // may be nil
}

// Open connects to the database that url names, a URL or a keyword/value
// string as in libpq, and returns once the server has answered. Times are scanned in
// UTC. An error never contains the password.
func Open(ctx context.Context, url string, opts Options) (*pgxpool.Pool, error) {
	pool, err := open(ctx, url, opts)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, &connectError{err}
	}
	return pool, nil
}

// open returns a pool, and does not wait until the server answers.
func open(ctx context.Context, url string, opts Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: it is neither a URL nor a keyword/value string that libpq would take: %w", withoutURL(err))
	}
	params := config.ConnConfig.RuntimeParams
	setDefault(params, "application_name", cmp.Or(opts.ApplicationName, "exchequer"))
	setDefault(params, "timezone", "UTC")
	setDefault(params, "idle_in_transaction_session_timeout", "60000")
	setDefault(params, "jit", "off") // to compile a statement takes longer here than to run it
	if timeout := cmp.Or(opts.StatementTimeout, 15*time.Second); timeout > 0 {
		setDefault(params, "statement_timeout", strconv.FormatInt(timeout.Milliseconds(), 10))
	}
	if opts.Role != "" {
		params["role"] = opts.Role
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if opts.MaxConns > 0 {
		config.MaxConns = opts.MaxConns
	}
	config.ConnConfig.Tracer = opts.Tracer
	config.AfterConnect = registerTypes

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

// withoutURL removes the text that could not be parsed from an error, since it may
// contain the password.
func withoutURL(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	// "cannot parse `URL`: what is wrong"
	said := err.Error()
	if end := strings.LastIndex(said, "`: "); end >= 0 {
		return errors.New(said[end+len("`: "):])
	}
	return errors.New("unreadable")
}

// A connectError is a connect error in one line. pgx has a line for each address,
// with and without TLS.
type connectError struct{ err error }

func (e *connectError) Error() string {
	var said []string
	for line := range strings.Lines(e.err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return "open database: " + strings.Join(said, " ")
}

func (e *connectError) Unwrap() error { return e.err }

// registerTypes makes pgx scan times in UTC instead of the local zone, and sums faster.
func registerTypes(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	instant := &pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	}
	types.RegisterType(instant)
	types.RegisterType(&pgtype.Type{
		Name: "_timestamptz", OID: pgtype.TimestamptzArrayOID,
		Codec: &pgtype.ArrayCodec{ElementType: instant},
	})
	number := &pgtype.Type{Name: "numeric", OID: pgtype.NumericOID, Codec: numericCodec{}}
	types.RegisterType(number)
	types.RegisterType(&pgtype.Type{Name: "_numeric", OID: pgtype.NumericArrayOID, Codec: &pgtype.ArrayCodec{ElementType: number}})
	return nil
}

func setDefault(params map[string]string, name, value string) {
	if _, given := params[name]; !given {
		params[name] = value
	}
}
