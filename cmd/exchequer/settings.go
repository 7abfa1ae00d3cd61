package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"exchequer/ledger"
)

// settings holds the ledger's settings in memory for the pages. They are read
// again every 30 s, since an import into a ledger that is being served may write
// them for the first time.
type settings struct {
	record  *ledger.Ledger
	current atomic.Pointer[ledger.Settings]
}

func newSettings(ctx context.Context, record *ledger.Ledger) (*settings, error) {
	s := &settings{record: record}
	s.current.Store(&ledger.Settings{Name: "An empty ledger", Decimals: 2})
	return s, s.read(ctx)
}

func (s *settings) get() ledger.Settings { return *s.current.Load() }

func (s *settings) read(ctx context.Context) error {
	switch found, err := s.record.Settings(ctx); {
	case errors.Is(err, ledger.ErrNoSettings):
		return nil
	case err != nil:
		return err
	default:
		s.current.Store(&found)
		return nil
	}
}

// refresh reads the settings again every 30 s until ctx ends.
func (s *settings) refresh(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(30 * time.Second):
		}
		if err := s.read(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "reading the ledger's settings failed", "error", err)
		}
	}
}
