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

// A Change is what one append changed in the record, or a repair in what follows
// from it.
type Change struct {
	// ID identifies the append, the same for all listeners. It is empty for a
	// change that stands for appends which may have been missed.
	ID   string
	Tags []string // see [Tags]
	// Rewritten means that nothing computed before may be shown any more: all of the
	// past may be other than it was, or it names a holder who is hidden now.
	Rewritten bool
}

// Tags returns the parts of the record that an append can change.
func Tags() []string {
	return []string{tagTransactions, tagSales, tagAccounts, tagItems, tagShops, tagEvents}
}

// The tags. Transactions change the balances of accounts; "accounts" is for a new
// account, for another name or archiving of an existing one, and for what is known
// of holders, labels and merges.
const (
	tagTransactions = "transactions"
	tagSales        = "sales"
	tagAccounts     = "accounts"
	tagItems        = "items"
	tagShops        = "shops" // and their offers
	tagEvents       = "events"
)

const rewritten = "rewritten"

const (
	listenLeast = 250 * time.Millisecond // between attempts to connect
	listenMost  = 10 * time.Second
	quiet       = 5 * time.Second // without a notification, ping the server
	pingWithin  = 3 * time.Second
)

// Listen calls onChange with every change that any process commits, in the order
// of the commits, until ctx ends. It keeps one connection of its own, directly to
// Postgres: a pooler that shares connections between transactions does not pass
// notifications on.
//
// Listen calls connected at each connection. If one breaks or the server does not
// answer within 8 s, Listen calls onError and connects again, after a wait that
// grows to 10 s. There may have been changes before, so after every connect it
// calls onChange with all tags and no ID.
func Listen(ctx context.Context, config *pgx.ConnConfig, connected func(), onChange func(Change), onError func(error)) {
	config = config.Copy()
	config.Tracer = nil // its queries are not worth a span
	config.RuntimeParams["application_name"] = "exchequer listener"
	wait := listenLeast
	for {
		listened, err := listenOnce(ctx, config, connected, onChange)
		if ctx.Err() != nil {
			return
		}
		onError(fmt.Errorf("listen for appends: %w", err))
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
func listenOnce(ctx context.Context, config *pgx.ConnConfig, connected func(), onChange func(Change)) (listened bool, err error) {
	connecting, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, config)
	if err != nil {
		return false, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing) // an error of closing is of no use to the caller
	}()
	var name string
	if err := conn.QueryRow(connecting, `SELECT `+channel).Scan(&name); err != nil {
		return false, err
	}
	if _, err := conn.Exec(connecting, "LISTEN "+name); err != nil {
		return false, err
	}
	connected()
	onChange(Change{Tags: Tags()})
	for {
		n, err := next(ctx, conn)
		if err != nil {
			return true, err
		}
		id, rest, _ := strings.Cut(n.Payload, " ")
		tags, more, _ := strings.Cut(rest, " ")
		onChange(Change{ID: id, Tags: strings.Split(tags, ","), Rewritten: more == rewritten})
	}
}

// next waits for a notification. It pings the server from time to time, since a
// server that has vanished looks like one without notifications.
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
		pinging, cancel := context.WithTimeout(ctx, pingWithin)
		err = conn.Ping(pinging)
		cancel()
		if err != nil {
			return nil, err
		}
	}
}
