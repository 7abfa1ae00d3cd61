package signin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errNoDatabase means that the database of the sessions was not opened yet.
var errNoDatabase = errors.New("the database of the sessions is away")

// A store keeps sessions by their tokens.
type store interface {
	scs.CtxStore
	// extend lets a session live until then, and reports whether there is one.
	extend(ctx context.Context, token string, until time.Time) (bool, error)
	// end deletes all sessions of a subject.
	end(ctx context.Context, subject string) error
	// clean deletes those that have expired.
	clean(ctx context.Context) error
}

// ownSessions is how many sessions a subject has at most: a new one ends the oldest.
const ownSessions = 20

// A table is the store in Postgres. It has the hashes of the tokens.
type table struct{ db func() *pgxpool.Pool } // nil while there is no database

// hash returns what is kept of a token. It is a plain hash, since a token has too many
// bits to be guessed.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func (t table) exec(ctx context.Context, what, query string, args ...any) (int64, error) {
	db := t.db()
	if db == nil {
		return 0, errNoDatabase
	}
	tag, err := db.Exec(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s session: %w", what, err)
	}
	return tag.RowsAffected(), nil
}

// FindCtx implements scs.CtxStore.
func (t table) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	db := t.db()
	if db == nil {
		return nil, false, errNoDatabase
	}
	err = db.QueryRow(ctx, `SELECT data FROM sessions WHERE token = $1 AND expires > now()`, hash(token)).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

// CommitCtx implements scs.CtxStore, for new sessions: one that was ended meanwhile must
// not come back.
func (t table) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	if _, err := t.exec(ctx, "add", `INSERT INTO sessions (token, data, expires) VALUES ($1, $2, $3)`, hash(token), data, expires); err != nil {
		return err
	}
	const query = `
		DELETE FROM sessions WHERE token IN (
			SELECT token FROM sessions WHERE subject = (SELECT subject FROM sessions WHERE token = $1)
			ORDER BY created DESC, token OFFSET $2)`
	_, err := t.exec(ctx, "bound", query, hash(token), ownSessions)
	return err
}

// DeleteCtx implements scs.CtxStore.
func (t table) DeleteCtx(ctx context.Context, token string) error {
	_, err := t.exec(ctx, "delete", `DELETE FROM sessions WHERE token = $1`, hash(token))
	return err
}

func (t table) extend(ctx context.Context, token string, until time.Time) (bool, error) {
	n, err := t.exec(ctx, "extend", `UPDATE sessions SET expires = $2 WHERE token = $1`, hash(token), until)
	return n > 0, err
}

func (t table) end(ctx context.Context, subject string) error {
	_, err := t.exec(ctx, "end", `DELETE FROM sessions WHERE subject = $1`, subject)
	return err
}

func (t table) clean(ctx context.Context) error {
	_, err := t.exec(ctx, "clean", `DELETE FROM sessions WHERE expires < now()`)
	return err
}

// Find, Commit and Delete implement scs.Store.
func (t table) Find(token string) ([]byte, bool, error) {
	return t.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (t table) Commit(token string, data []byte, expires time.Time) error {
	return t.CommitCtx(context.Background(), token, data, expires)
}

// Delete implements scs.Store.
func (t table) Delete(token string) error { return t.DeleteCtx(context.Background(), token) }
