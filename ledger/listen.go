package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Change is what one append has changed in the record.
type Change struct {
	// ID names the append, the same to all who hear of it. Empty: a stand-in
	// for appends that may have been missed.
	ID   string
	Tags []string // see [Tags]
}

// Tags are what an append can touch.
func Tags() []string { return []string{tagTransactions, tagSales, tagAccounts, tagItems, tagShops} }

// The tags. An account's balance is touched by transactions: "accounts" says
// that there is a new one, or another name or archiving of a known one.
const (
	tagTransactions = "transactions"
	tagSales        = "sales"
	tagAccounts     = "accounts"
	tagItems        = "items"
	tagShops        = "shops"
)

// Channel is where Postgres notifies listeners of every append that changed
// something. The payload is the change's ID, a blank, and its tags, joined by
// commas.
const Channel = "exchequer_ledger"

const (
	listenLeast = 250 * time.Millisecond // between tries to connect
	listenMost  = 10 * time.Second
	quiet       = 5 * time.Second // without a notification, see whether the connection lives
	pingWithin  = 3 * time.Second
)

// Listen calls heard with the change of every append that any process commits,
// in the order of the commits, until ctx ends. It keeps one connection of its
// own, straight to Postgres: a pooler that shares connections between
// transactions passes no notifications on.
//
// Each connection is reported to connected. One that breaks, or does not answer
// within 8 s, is reported to failed and made anew, after a wait that grows to 10 s. What was committed
// meanwhile was not heard: after any connect but the first, heard is called
// with all tags and no ID.
func Listen(ctx context.Context, config *pgx.ConnConfig, connected func(), heard func(Change), failed func(error)) {
	config = config.Copy()
	config.Tracer = nil // it asks for nothing that is worth a span
	config.RuntimeParams["application_name"] = "exchequer listener"
	missed, wait := false, listenLeast
	for {
		listened, err := listenOnce(ctx, config, connected, heard, missed)
		if ctx.Err() != nil {
			return
		}
		failed(fmt.Errorf("listen for appends: %w", err))
		missed = true
		if listened {
			wait = listenLeast
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, listenMost)
	}
}

// listenOnce listens on one connection until it breaks.
func listenOnce(ctx context.Context, config *pgx.ConnConfig, connected func(), heard func(Change), missed bool) (listened bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, config)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // there is nobody to tell
	}()
	if _, err := conn.Exec(connecting, "LISTEN "+Channel); err != nil {
		return false, err
	}
	connected()
	if missed {
		heard(Change{Tags: Tags()})
	}
	for {
		n, err := next(ctx, conn)
		if err != nil {
			return true, err
		}
		id, tags, _ := strings.Cut(n.Payload, " ")
		heard(Change{ID: id, Tags: strings.Split(tags, ",")})
	}
}

// next waits for a notification, and asks now and then whether the server is
// still there: a peer that vanished says nothing either.
func next(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(waiting)
		cancel()
		if err == nil {
			return n, nil
		}
		if ctx.Err() != nil || conn.IsClosed() || !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
		asking, cancel := context.WithTimeout(ctx, pingWithin)
		err = conn.Ping(asking)
		cancel()
		if err != nil {
			return nil, err
		}
	}
}
