// Package keys holds the keys with which programs use the API: who has which, and what
// each of them may do. A key is shown once, when it is made; the database has its hash.
//
// A key is revoked within Remembered in every process. While the database does not
// answer, no key is known for longer than that.
package keys

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Scope is something that a key allows.
type Scope string

// The scopes: what may be written, and Read for what is not public.
const (
	Accounts     Scope = "accounts"
	Transactions Scope = "transactions"
	Sales        Scope = "sales"
	Offers       Scope = "offers"
	Events       Scope = "events"
	Balances     Scope = "balances"
	Read         Scope = "read"
)

// Scopes returns all scopes.
func Scopes() []Scope {
	return []Scope{Accounts, Transactions, Sales, Offers, Events, Balances, Read}
}

// A Key is what is known of a key, without its secret.
type Key struct {
	ID      string
	Name    string // for people and the log
	Scopes  []Scope
	Created time.Time
	Expires *time.Time // nil: never
	Revoked *time.Time // nil: in force
	Used    *time.Time // to the hour; nil: never
}

// Allows reports whether the key has a scope.
func (k Key) Allows(s Scope) bool { return slices.Contains(k.Scopes, s) }

// The form of a key is exq_ID_SECRET: letters and digits.
const (
	prefix   = "exq_"
	idLength = 10
	maxName  = 64
)

// LooksLike reports whether a text begins as keys do.
func LooksLike(text string) bool { return strings.HasPrefix(text, prefix) }

// A DB is a database, or a transaction in one.
type DB interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
}

// NewID returns the id of a key that is not made yet.
func NewID() string { return strings.ToLower(rand.Text()[:idLength]) }

// Create makes a key and returns it whole. It cannot be had again.
func Create(ctx context.Context, db DB, name string, scopes []Scope, expires *time.Time) (string, error) {
	return CreateAs(ctx, db, NewID(), name, scopes, expires)
}

// ErrTaken means that a key with the id was made already.
var ErrTaken = errors.New("this key was made already, and is not shown again")

// CreateAs is Create with an id that NewID returned before, so that a request that is sent
// twice makes one key: the second time it returns ErrTaken.
func CreateAs(ctx context.Context, db DB, id, name string, scopes []Scope, expires *time.Time) (string, error) {
	if len(id) != idLength || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", fmt.Errorf("create key: the id %.20q is not one that was given out", id)
	}
	if err := Check(name, scopes, expires); err != nil {
		return "", err
	}
	key := prefix + id + "_" + strings.ToLower(rand.Text()) // 130 bits
	const query = `INSERT INTO keys (id, hash, name, scopes, expires) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`
	tag, err := db.Exec(ctx, query, id, hash(key), name, slices.Compact(slices.Sorted(slices.Values(scopes))), expires)
	if err != nil {
		return "", fmt.Errorf("create key: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return "", ErrTaken
	}
	return key, nil
}

// Check returns what keeps a key from being made.
func Check(name string, scopes []Scope, expires *time.Time) error {
	notShown := func(c rune) bool { return !unicode.IsPrint(c) }
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, notShown) {
		return fmt.Errorf("create key: the name must be 1 to %d bytes of printable text", maxName)
	}
	if len(scopes) == 0 {
		return errors.New("create key: it needs a scope")
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return fmt.Errorf("create key: %.20q is no scope: these are %q", s, Scopes())
		}
	}
	if expires != nil && !expires.After(time.Now()) {
		return fmt.Errorf("create key: it would have expired at %s", expires.Format(time.RFC3339))
	}
	return nil
}

// hash returns what is kept of a key. It is a plain hash, since a key has too many bits
// to be guessed.
func hash(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

const columns = `id, name, scopes, created, expires, revoked, used`

func scan(row pgx.CollectableRow) (k Key, err error) {
	err = row.Scan(&k.ID, &k.Name, &k.Scopes, &k.Created, &k.Expires, &k.Revoked, &k.Used)
	return k, err
}

// List returns all keys, the oldest first.
func List(ctx context.Context, db DB) ([]Key, error) {
	rows, _ := db.Query(ctx, `SELECT `+columns+` FROM keys ORDER BY created, id`)
	all, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return all, nil
}

// Page returns keys, the newest first, from those that are older than the one with an id on;
// from the newest on if it is empty.
func Page(ctx context.Context, db DB, older string, limit int) ([]Key, error) {
	const query = `
		SELECT ` + columns + ` FROM keys WHERE $1 = '' OR (created, id) < (SELECT created, id FROM keys WHERE id = $1)
		ORDER BY created DESC, id DESC LIMIT $2`
	rows, _ := db.Query(ctx, query, older, limit)
	all, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return all, nil
}

// Find returns the key with an id, and reports whether there is one.
func Find(ctx context.Context, db DB, id string) (Key, bool, error) {
	rows, _ := db.Query(ctx, `SELECT `+columns+` FROM keys WHERE id = $1`, id)
	k, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, false, nil
	}
	if err != nil {
		return k, false, fmt.Errorf("find key: %w", err)
	}
	return k, true, nil
}

// Revoke ends a key, for good. It returns an error if there is none of this id.
func Revoke(ctx context.Context, db DB, id string) (Key, error) {
	rows, _ := db.Query(ctx, `UPDATE keys SET revoked = coalesce(revoked, now()) WHERE id = $1 RETURNING `+columns, id)
	k, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, fmt.Errorf("revoke key: there is none with the id %.40q", id)
	}
	if err != nil {
		return k, fmt.Errorf("revoke key: %w", err)
	}
	return k, nil
}
