package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"exchequer/aggregates"
	"exchequer/cache"
)

// thresholds is the value of a flag that may be repeated.
type thresholds struct{ of aggregates.Thresholds }

// Decode implements kong.MapperValue.
func (t *thresholds) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("sign", &text); err != nil {
		return err
	}
	if before := t.of.String(); before != "" {
		text = before + ";" + text
	}
	parsed, err := aggregates.ParseThresholds(text)
	if err != nil {
		return err
	}
	t.of = parsed
	return nil
}

// keepBooks sees to it that the sample of the books goes round although nobody
// reads the page, and that the whole ledger is read once a day: each process of the
// fleet asks, and one computes. The first reading of the whole ledger waits, so that
// it does not slow a start.
func keepBooks(ctx context.Context, memos *aggregates.SoundnessMemos, nightly bool, log *slog.Logger) {
	const (
		every = 30 * time.Second
		first = 3 * time.Minute
	)
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		if _, err := memos.Soundness.Get(ctx, aggregates.NoParams{}); err != nil && !errors.Is(err, ctx.Err()) {
			log.WarnContext(ctx, "reading the signs and the books failed", "error", err)
		}
		if !nightly || time.Since(began) < first {
			continue
		}
		// It may take many minutes, and the sample is not to wait for it.
		waiting, cancel := context.WithTimeout(ctx, time.Second)
		_, err := memos.Night.Get(waiting, aggregates.NoParams{})
		cancel()
		var failed *cache.UnavailableError
		if errors.As(err, &failed) {
			log.WarnContext(ctx, "verifying the whole ledger failed", "error", err)
		}
	}
}
