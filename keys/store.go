package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"
)

const (
	// Remembered is how long a key is known without the database.
	Remembered = 3 * time.Second
	// between is the least time between two readings, however many unknown keys are
	// tried.
	between     = 200 * time.Millisecond
	readTimeout = 3 * time.Second
	usedEvery   = time.Hour
	mostKeys    = 10_000
)

// Why a key is not accepted.
var (
	ErrUnknown = errors.New("this key is not known, or revoked")
	ErrExpired = errors.New("this key has expired")
)

// A Store knows the keys that are in force. It reads them all at once, when one is
// asked for, so that guessing costs the database nothing.
type Store struct {
	db      *pgxpool.Pool
	reading singleflight.Group

	mu   sync.Mutex
	last reading
	used map[string]time.Time // ids whose use is to be written
}

// A reading is the keys at a time.
type reading struct {
	began time.Time
	keys  map[string]kept // by id
}

type kept struct {
	Key
	hash []byte
}

// NewStore returns the keys of a database.
func NewStore(db *pgxpool.Pool) *Store {
	return &Store{db: db, used: map[string]time.Time{}}
}

// Find returns what is known of a key. It returns ErrUnknown or ErrExpired if the key is
// not to be accepted, and another error if the database does not say.
func (s *Store) Find(ctx context.Context, key string) (Key, error) { return s.find(ctx, key, true) }

// Known is Find for who does not look for keys that were made in the last moments, so
// that one that is not known costs nothing.
func (s *Store) Known(ctx context.Context, key string) (Key, error) { return s.find(ctx, key, false) }

func (s *Store) find(ctx context.Context, key string, again bool) (Key, error) {
	rest, ok := strings.CutPrefix(key, prefix)
	id, secret, whole := strings.Cut(rest, "_")
	if !ok || !whole || len(id) != idLength || len(secret) > 64 {
		return Key{}, ErrUnknown
	}
	now := time.Now()
	r, err := s.since(ctx, now.Add(-Remembered))
	if err != nil {
		return Key{}, err
	}
	known, ok := r.keys[id]
	if !ok && again { // it may have been made since
		if r, err = s.since(ctx, now); err != nil {
			return Key{}, err
		}
		known, ok = r.keys[id]
	}
	if !ok || subtle.ConstantTimeCompare(hash(key), known.hash) != 1 {
		return Key{}, ErrUnknown
	}
	if known.Expires != nil && !known.Expires.After(now) {
		return Key{}, ErrExpired
	}
	if known.Used == nil || now.Sub(*known.Used) > usedEvery {
		s.mu.Lock()
		s.used[id] = now
		s.mu.Unlock()
	}
	return known.Key, nil
}

// since returns a reading that began at the time or later.
func (s *Store) since(ctx context.Context, at time.Time) (reading, error) {
	for {
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if !last.began.Before(at) {
			return last, nil
		}
		select {
		case <-ctx.Done():
			return reading{}, fmt.Errorf("read keys: %w", ctx.Err())
		case done := <-s.reading.DoChan("", func() (any, error) { return nil, s.read(context.WithoutCancel(ctx)) }):
			if done.Err != nil {
				return reading{}, fmt.Errorf("read keys: %w", done.Err)
			}
		}
	}
}

// read reads the keys that are in force, and writes which were used.
func (s *Store) read(ctx context.Context) error {
	s.mu.Lock()
	wait := time.Until(s.last.began.Add(between))
	s.mu.Unlock()
	if wait > 0 {
		time.Sleep(wait)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r := reading{time.Now(), map[string]kept{}}
	const query = `SELECT ` + columns + `, hash FROM keys WHERE revoked IS NULL ORDER BY created DESC LIMIT $1`
	rows, _ := s.db.Query(ctx, query, mostKeys)
	var k kept
	_, err := pgx.ForEachRow(rows, []any{&k.ID, &k.Name, &k.Scopes, &k.Created, &k.Expires, &k.Revoked, &k.Used, &k.hash}, func() error {
		r.keys[k.ID] = k
		k = kept{}
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.last = r
	used := s.used
	s.used = map[string]time.Time{}
	s.mu.Unlock()
	for id, at := range used {
		// Without the right to write it, a key serves all the same.
		_, _ = s.db.Exec(ctx, `UPDATE keys SET used = date_trunc('hour', $2::timestamptz) WHERE id = $1`, id, at)
	}
	return nil
}
