package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/sync/singleflight"
)

const (
	// Remembered is how long a session is known without the database, and so how long
	// one that was ended in another process may go on in this one.
	Remembered     = 3 * time.Second
	findTimeout    = 3 * time.Second
	mostRemembered = 10_000
	tokenLength    = 43 // of scs: 32 random bytes
)

// ErrNoSession means that there is no session by a token: it has ended, or never was.
var ErrNoSession = errors.New("no session")

// sessions are those who have signed in. The manager makes tokens and knows when a session
// ends for good; that it is used is written here, once in a while, since the manager would
// do so at every request, and bring back a session that was ended meanwhile.
type sessions struct {
	manager *scs.SessionManager
	store   store
	current map[string]bool // what gives roles now
	finding singleflight.Group

	mu    sync.Mutex
	found map[string]*found // by token
}

// found is what this process knows of a session.
type found struct {
	who      Identity
	at       time.Time // when the database was asked
	extended time.Time
}

func newSessions(s store, idle, lifetime time.Duration, current ...string) *sessions {
	// Not by scs.New, which starts a store in memory with a goroutine of its own.
	m := &scs.SessionManager{Store: s, Codec: inJSON{}, IdleTimeout: idle, Lifetime: lifetime}
	all := &sessions{manager: m, store: s, current: map[string]bool{}, found: map[string]*found{}}
	for _, basis := range current {
		all.current[basis] = true
	}
	return all
}

// inJSON is how the data of a session are kept, so that the database can read them.
type inJSON struct{}

type data struct {
	Deadline time.Time      `json:"deadline"`
	Values   map[string]any `json:"values"`
}

// Encode implements scs.Codec.
func (inJSON) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(data{deadline, values})
}

// Decode implements scs.Codec.
func (inJSON) Decode(text []byte) (time.Time, map[string]any, error) {
	var d data
	err := json.Unmarshal(text, &d)
	return d.Deadline, d.Values, err
}

// begin returns the token of a new session, which ends when nobody uses it. The old token,
// if there is one, ends. Basis is what gave the role.
func (s *sessions) begin(ctx context.Context, old string, who Identity, basis string) (string, error) {
	if len(old) == tokenLength {
		if err := s.drop(ctx, old); err != nil {
			return "", err
		}
	}
	ctx, err := s.manager.Load(ctx, "")
	if err != nil {
		return "", fmt.Errorf("begin session: %w", err)
	}
	for key, value := range map[string]string{"subject": who.Subject, "name": who.Name, "role": who.Role.String(), "basis": basis} {
		s.manager.Put(ctx, key, value)
	}
	token, _, err := s.manager.Commit(ctx)
	if err != nil {
		return "", fmt.Errorf("begin session: %w", err)
	}
	return token, nil
}

// known reports whether a token was that of a session when the database was last asked.
func (s *sessions) known(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found[token] != nil
}

// find returns who has a session. It returns ErrNoSession if nobody has, and another error
// if the database does not say.
func (s *sessions) find(ctx context.Context, token string) (Identity, error) {
	if len(token) != tokenLength {
		return Identity{}, ErrNoSession
	}
	s.mu.Lock()
	before := s.found[token]
	s.mu.Unlock()
	if before != nil && time.Since(before.at) < Remembered {
		return before.who, nil
	}
	finding := s.finding.DoChan(token, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findTimeout)
		defer cancel()
		return s.read(ctx, token, before)
	})
	select {
	case <-ctx.Done():
		return Identity{}, ctx.Err()
	case done := <-finding:
		if done.Err != nil {
			return Identity{}, done.Err
		}
		return done.Val.(Identity), nil
	}
}

// read asks the database for a session, and notes that it is used.
func (s *sessions) read(ctx context.Context, token string, before *found) (Identity, error) {
	now := time.Now()
	ctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return Identity{}, err
	}
	who := Identity{s.manager.GetString(ctx, "subject"), s.manager.GetString(ctx, "name"), parseRole(s.manager.GetString(ctx, "role"))}
	deadline := s.manager.Deadline(ctx)
	exists := who.SignedIn() && s.current[s.manager.GetString(ctx, "basis")] && now.Before(deadline)
	next := &found{who: who, at: now}
	if before != nil {
		next.extended = before.extended
	}
	if exists && now.Sub(next.extended) > s.manager.IdleTimeout/12 {
		until := now.Add(s.manager.IdleTimeout)
		if until.After(deadline) {
			until = deadline
		}
		if exists, err = s.store.extend(ctx, token, until); err != nil {
			return Identity{}, err
		}
		next.extended = now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !exists {
		delete(s.found, token)
		return Identity{}, ErrNoSession
	}
	if s.found[token] == nil && len(s.found) >= mostRemembered {
		for any := range s.found {
			delete(s.found, any)
			break
		}
	}
	s.found[token] = next
	return who, nil
}

// drop ends a session.
func (s *sessions) drop(ctx context.Context, token string) error {
	s.mu.Lock()
	delete(s.found, token)
	s.mu.Unlock()
	return s.store.DeleteCtx(ctx, token)
}

// end ends all sessions of a subject.
func (s *sessions) end(ctx context.Context, subject string) error {
	if err := s.store.end(ctx, subject); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, f := range s.found {
		if f.who.Subject == subject {
			delete(s.found, token)
		}
	}
	return nil
}

// clean forgets what has ended.
func (s *sessions) clean(ctx context.Context) error {
	s.mu.Lock()
	for token, f := range s.found {
		if time.Since(f.at) > s.manager.IdleTimeout {
			delete(s.found, token)
		}
	}
	s.mu.Unlock()
	return s.store.clean(ctx)
}
