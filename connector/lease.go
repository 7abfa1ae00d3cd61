package connector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A lease is the lead of a source among processes: an advisory lock of a connection, which
// the database gives to another process when this one, or its connection, is gone.
type lease struct{ conn *pgxpool.Conn }

// leaseClass is the class of the locks of sources.
const leaseClass = 0x73796e63 // "sync"

// lead returns the lease of a source, nil if another process has it.
func lead(ctx context.Context, db *pgxpool.Pool, source string) (*lease, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("lead a source: %w", err)
	}
	// The server notices within seconds that the machine at the other end is gone.
	const notice = `SELECT set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '2', false),
		set_config('tcp_keepalives_count', '2', false), set_config('tcp_user_timeout', '6000', false)`
	if _, err := conn.Exec(ctx, notice); err != nil {
		conn.Release()
		return nil, fmt.Errorf("lead a source: %w", err)
	}
	var got bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, hashtext($2) # `+ledger.LockSalt32+`)`, leaseClass, source).Scan(&got)
	if err != nil || !got {
		conn.Release()
		if err != nil {
			err = fmt.Errorf("lead a source: %w", err)
		}
		return nil, err
	}
	return &lease{conn}, nil
}

// check returns an error if the connection that has the lock is gone.
func (l *lease) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return l.conn.Ping(ctx)
}

// end gives the lead up.
func (l *lease) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = l.conn.Hijack().Close(ctx) // which unlocks
}
