package connector

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"exchequer/connector/format"
)

const (
	connectTimeout   = 10 * time.Second
	statementTimeout = time.Minute
)

// A database is a source that is read by queries.
type database struct {
	engine
	db *sql.DB
}

// read calls f with a snapshot of the source, which cannot write.
func (d *database) read(ctx context.Context, f func(snapshot) error) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the source: %w", err)
	}
	defer conn.Close()
	if d.engine == engineMySQL {
		if err := limitMySQL(ctx, conn); err != nil {
			return err
		}
	}
	options := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	if d.engine == engineSQLite { // opened so that it cannot write; a transaction is a snapshot
		options = nil
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("begin to read the source: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	return f(&transaction{tx})
}

func (d *database) close() { d.db.Close() }

// A transaction is a snapshot of a database.
type transaction struct{ tx *sql.Tx }

func (t *transaction) each(ctx context.Context, s *stream, after int64, limit int, f func(header []string, row format.Row) error) (err error) {
	rows, err := t.tx.QueryContext(ctx, s.after(after, limit))
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
		if err := f(header, format.Row{Fields: fields}); errors.Is(err, errEnough) {
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
