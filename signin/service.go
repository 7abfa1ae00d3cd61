package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is by which ways people sign in, and for how long. At least one way is needed.
type Config struct {
	Provider *Provider // nil: there is none
	// LocalHash is the hash of the local admin's password, as [HashPassword] makes it;
	// empty: there is no local admin.
	LocalHash string
	Idle      time.Duration // how long a session lives that nobody uses
	Lifetime  time.Duration // how long any session lives
}

// Deps are what sign-in needs.
type Deps struct {
	Config
	// DB returns the database of the sessions, nil while it was not opened.
	DB  func() *pgxpool.Pool
	Log *slog.Logger
}

// A Service lets people sign in. Its methods may be called at the same time.
type Service struct {
	sessions *sessions
	provider *client // nil: there is none
	local    *local  // nil: there is none
}

// New returns the service of a configuration, or why it cannot be one. It asks neither the
// provider nor the database.
func New(d Deps) (*Service, error) { return newService(d, table{d.DB}) }

func newService(d Deps, in store) (*Service, error) {
	s := &Service{}
	var current []string
	if d.Provider == nil && d.LocalHash == "" {
		return nil, errors.New("sign-in: there is neither a provider nor a local admin")
	}
	if d.Provider != nil {
		if err := d.Provider.check(); err != nil {
			return nil, fmt.Errorf("sign-in: %w", err)
		}
		s.provider = newClient(*d.Provider, d.Log)
		current = append(current, d.Provider.basis())
	}
	if d.LocalHash != "" {
		if err := checkHash(d.LocalHash); err != nil {
			return nil, fmt.Errorf("sign-in: %w", err)
		}
		s.local = newLocal(d.LocalHash)
		current = append(current, s.local.basis())
	}
	if d.Idle < time.Minute || d.Lifetime < d.Idle {
		return nil, fmt.Errorf("sign-in: sessions of %s, or %s without use: want a minute or more, and no longer without use than in all", d.Lifetime, d.Idle)
	}
	s.sessions = newSessions(in, d.Idle, d.Lifetime, current...)
	return s, nil
}

// ProviderName returns what the provider is called, empty if there is none.
func (s *Service) ProviderName() string {
	if s.provider == nil {
		return ""
	}
	return s.provider.Name
}

// ProviderAnswers reports whether the provider can be reached. It waits until ctx ends.
func (s *Service) ProviderAnswers(ctx context.Context) bool {
	if s.provider == nil {
		return false
	}
	_, err := s.provider.provider(ctx)
	return err == nil
}

// HasLocal reports whether there is a local admin.
func (s *Service) HasLocal() bool { return s.local != nil }

// Begin returns the address at the provider to which the browser is to be sent, and what
// the browser must keep until it comes back. The error is ErrAway while the provider does
// not answer.
func (s *Service) Begin(ctx context.Context, next string) (address, kept string, err error) {
	if s.provider == nil {
		return "", "", ErrNotBegun
	}
	return s.provider.begin(ctx, next)
}

// Finish signs in who came back from the provider with a query, and returns the token of
// the new session and where they wanted to go. The session old ends. Errors are ErrAway,
// ErrNotBegun, ErrRefused and ErrNoRole, with who it is where that is known.
func (s *Service) Finish(ctx context.Context, old, kept string, query url.Values) (who Identity, token, next string, err error) {
	if s.provider == nil {
		return who, "", "", ErrNotBegun
	}
	if who, next, err = s.provider.finish(ctx, kept, query); err != nil {
		return who, "", next, err
	}
	token, err = s.begin(ctx, old, who, s.provider.basis())
	return who, token, next, err
}

// Password signs in who has a name and a password, and returns the token of the new
// session. The session old ends. Errors are ErrWrong, ErrBusy, *LockedError and ErrAway.
func (s *Service) Password(ctx context.Context, old, name, password string) (who Identity, token string, err error) {
	if s.local == nil {
		return who, "", ErrWrong
	}
	if who, err = s.local.check(ctx, name, password); err != nil {
		return who, "", err
	}
	token, err = s.begin(ctx, old, who, s.local.basis())
	return who, token, err
}

func (s *Service) begin(ctx context.Context, old string, who Identity, basis string) (string, error) {
	token, err := s.sessions.begin(ctx, old, who, basis)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAway, err)
	}
	return token, nil
}

// Lifetime returns how long a session lives at most.
func (s *Service) Lifetime() time.Duration { return s.sessions.manager.Lifetime }

// Known reports whether a token was that of a session a while ago, so that to ask for it
// is no guess.
func (s *Service) Known(token string) bool { return s.sessions.known(token) }

// Find returns who has the session of a token. The error is ErrNoSession if nobody has,
// and another one if the database does not say.
func (s *Service) Find(ctx context.Context, token string) (Identity, error) {
	return s.sessions.find(ctx, token)
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return s.sessions.drop(ctx, token)
}

// SignOutEverywhere ends all sessions of a subject, in other processes within Remembered.
func (s *Service) SignOutEverywhere(ctx context.Context, subject string) error {
	return s.sessions.end(ctx, subject)
}

// cleanEvery is how often sessions that have expired are deleted.
const cleanEvery = time.Hour

// Keep deletes sessions that have expired until ctx ends.
func (s *Service) Keep(ctx context.Context, log *slog.Logger) {
	_ = s.ProviderAnswers(ctx) // so that the log says at start if it does not
	ticks := time.NewTicker(cleanEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if err := s.sessions.clean(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "sessions that have expired were not deleted", "error", err)
		}
	}
}
