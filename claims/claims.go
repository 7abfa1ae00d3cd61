// Package claims is about which accounts belong to whom of those who sign in. A claim is
// proven by a payment of the account with a code in its message, or by an operator.
package claims

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// Most is how many claims somebody may have, those that are not proven among them.
	Most = 20
	// Lasts is how long a code is good.
	Lasts = 24 * time.Hour
	// away is how long somebody has been away when they visit again.
	away = 30 * time.Minute
)

// ErrTooMany means that somebody has [Most] claims.
var ErrTooMany = fmt.Errorf("at most %d accounts can be claimed", Most)

// A Claim is that an account belongs to somebody.
type Claim struct {
	Subject string // who says so
	Account string // its ref
	Code    string // that proves it; empty: an operator says so
	Asked   time.Time
	Proven  *time.Time // nil: not yet
}

// A Store keeps claims in a database.
type Store struct{ db *pgxpool.Pool }

// NewStore returns the claims of a database.
func NewStore(db *pgxpool.Pool) *Store { return &Store{db} }

const columns = `subject, account, code, asked, proven`

// Of returns the claims of somebody: those that are proven, and those whose code is good.
func (s *Store) Of(ctx context.Context, subject string) ([]Claim, error) {
	const query = `SELECT ` + columns + ` FROM claims WHERE subject = $1 AND (proven IS NOT NULL OR asked > now() - $2::interval) ORDER BY asked, account`
	return s.read(ctx, query, subject, Lasts)
}

// All returns all claims that are proven, at most so many.
func (s *Store) All(ctx context.Context, limit int) ([]Claim, error) {
	return s.read(ctx, `SELECT `+columns+` FROM claims WHERE proven IS NOT NULL ORDER BY subject, account LIMIT $1`, limit)
}

func (s *Store) read(ctx context.Context, query string, args ...any) ([]Claim, error) {
	rows, _ := s.db.Query(ctx, query, args...)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Claim])
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	return all, nil
}

// Ask begins a claim with a new code. One that is proven stays as it is.
func (s *Store) Ask(ctx context.Context, subject, account string) error {
	code := "EX-" + rand.Text()[:10]
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		// Two that ask at once would both be the last. Each schema has locks of its own.
		const lock = `
			SELECT pg_advisory_xact_lock(hashtextextended($1, CASE name WHEN 'public' THEN 0 ELSE hashtextextended(name, 0) END))
			FROM (SELECT relnamespace::regnamespace::text AS name FROM pg_class WHERE oid = 'claims'::regclass) AS schema`
		if _, err := tx.Exec(ctx, lock, "claims "+subject); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM claims WHERE subject = $1 AND proven IS NULL AND asked <= now() - $2::interval`, subject, Lasts); err != nil {
			return err
		}
		var others int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM claims WHERE subject = $1 AND account <> $2`, subject, account).Scan(&others); err != nil {
			return err
		}
		if others < Most {
			const write = `
				INSERT INTO claims (subject, account, code, asked) VALUES ($1, $2, $3, now())
				ON CONFLICT (subject, account) DO UPDATE SET code = excluded.code, asked = excluded.asked WHERE claims.proven IS NULL`
			tag, err := tx.Exec(ctx, write, subject, account, code)
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
		}
		var proven bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM claims WHERE subject = $1 AND account = $2)`, subject, account).Scan(&proven); err != nil || proven {
			return err
		}
		return ErrTooMany
	})
	if err != nil && !errors.Is(err, ErrTooMany) {
		return fmt.Errorf("claim an account: %w", err)
	}
	return err
}

// Prove marks a claim as proven by its code.
func (s *Store) Prove(ctx context.Context, c Claim) error {
	_, err := s.db.Exec(ctx, `UPDATE claims SET proven = now() WHERE subject = $1 AND account = $2 AND code = $3 AND proven IS NULL`, c.Subject, c.Account, c.Code)
	if err != nil {
		return fmt.Errorf("prove a claim: %w", err)
	}
	return nil
}

// Grant makes a claim that an operator vouches for.
func (s *Store) Grant(ctx context.Context, subject, account string) error {
	if subject = strings.TrimSpace(subject); subject == "" {
		return errors.New("whose account it is must be named")
	}
	const write = `
		INSERT INTO claims (subject, account, code, asked, proven) VALUES ($1, $2, '', now(), now())
		ON CONFLICT (subject, account) DO UPDATE SET code = '', proven = coalesce(claims.proven, now())`
	if _, err := s.db.Exec(ctx, write, subject, account); err != nil {
		return fmt.Errorf("grant an account: %w", err)
	}
	return nil
}

// Drop ends a claim, and reports whether there was one.
func (s *Store) Drop(ctx context.Context, subject, account string) (bool, error) {
	tag, err := s.db.Exec(ctx, `DELETE FROM claims WHERE subject = $1 AND account = $2`, subject, account)
	if err != nil {
		return false, fmt.Errorf("end a claim: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// Visit returns when somebody was here before. Who looks again within half an hour is
// still here. Of a first visit it returns a week ago.
func (s *Store) Visit(ctx context.Context, subject string) (before time.Time, err error) {
	const write = `
		INSERT INTO visits AS v (subject, latest, before) VALUES ($1, now(), now() - interval '7 days')
		ON CONFLICT (subject) DO UPDATE SET latest = now(), before = CASE WHEN v.latest < now() - $2::interval THEN v.latest ELSE v.before END
		RETURNING before`
	if err := s.db.QueryRow(ctx, write, subject, away).Scan(&before); err != nil {
		return before, fmt.Errorf("note a visit: %w", err)
	}
	return before, nil
}
