package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"exchequer/ledger"
)

// settings are the ledger's, kept in memory for the pages. An import into a
// ledger that is being served may write them for the first time, so they are
// looked at again.
type settings struct {
	record *ledger.Ledger
	known  atomic.Pointer[ledger.Settings]
}

func newSettings(ctx context.Context, record *ledger.Ledger) (*settings, error) {
	s := &settings{record: record}
	s.known.Store(&ledger.Settings{Name: "An empty ledger", Decimals: 2})
	return s, s.read(ctx)
}

func (s *settings) get() ledger.Settings { return *s.known.Load() }

func (s *settings) read(ctx context.Context) error {
	switch found, err := s.record.Settings(ctx); {
	case errors.Is(err, ledger.ErrNoSettings):
		return nil
	case err != nil:
		return err
	default:
		s.known.Store(&found)
		return nil
	}
}

func (s *settings) keep(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(30 * time.Second):
		}
		if err := s.read(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the ledger's settings could not be read", "error", err)
		}
	}
}
