package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Tags are what an append can touch, as [Listen] reports them.
func Tags() []string { return []string{"ledger", "sales", "accounts", "items", "shops"} }

// Listen calls heard with the tags of every append that any process commits,
// in the order of the commits, until ctx ends. It keeps one connection of its
// own. Notifications may have been missed while there was none, so after every
// connect it reports all tags once. Each failure is passed to failed and
// followed by another try within 10 s.
func Listen(ctx context.Context, config *pgx.ConnConfig, heard func(tags []string), failed func(error)) {
	wait := 250 * time.Millisecond
	for {
		connected, err := listenOnce(ctx, config, heard)
		if ctx.Err() != nil {
			return
		}
		failed(err)
		if connected {
			wait = 250 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// listenOnce listens on one connection until it breaks.
func listenOnce(ctx context.Context, config *pgx.ConnConfig, heard func(tags []string)) (connected bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return false, fmt.Errorf("listen for appends: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+Channel); err != nil {
		return false, fmt.Errorf("listen for appends: %w", err)
	}
	heard(Tags())
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return true, fmt.Errorf("listen for appends: %w", err)
		}
		heard(strings.Split(n.Payload, ","))
	}
}
