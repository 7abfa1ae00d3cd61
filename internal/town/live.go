package town

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"exchequer/ledger"
)

// tick is how often Live looks what has happened.
const tick = 2 * time.Second

// Live goes on where History stopped, in real time: every few seconds it
// appends what has happened since, until ctx ends, and then returns nil. After
// a pause, such as a machine that slept, it catches up.
//
// A batch that could not be appended is tried again, unchanged and before any
// later one, with growing pauses of up to 30 s. The ledger therefore always
// has all that happened up to some time, which is what [Config] needs to go on
// after a restart.
//
// When nothing happens for as long as the pulse, as at night, somebody finds a
// few pennies. After ten minutes the pulse is four times slower, so that a demo
// that runs for days does not drown in them. They are of the moment: they are
// not part of the history and not repeated when the town is played again.
func (t *Town) Live(ctx context.Context, append func(context.Context, ledger.Batch) error) error {
	began := time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		now := time.Now().UTC().Truncate(time.Microsecond)
		err := t.advance(ctx, now, func(b ledger.Batch) error {
			return insist(ctx, func() error { return append(ctx, b) })
		})
		if err == nil {
			pulse := t.pulse
			if now.Sub(began) > 10*time.Minute {
				pulse *= 4
			}
			if pennies, found := t.pennies(now, pulse); found {
				err = insist(ctx, func() error { return append(ctx, pennies) })
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// insist repeats an attempt until it succeeds or ctx ends.
func insist(ctx context.Context, attempt func() error) error {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		if attempt() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// pennies is what keeps the town from falling silent. They come from chance of
// their own and leave the town's balances alone, so that the simulation stays
// the same whether or not anybody looked on. All of them go from the mint to a
// player, so what the ledger has is never less than what the town reckons with.
func (t *Town) pennies(now time.Time, pulse time.Duration) (ledger.Batch, bool) {
	if pulse < 0 || now.Sub(t.book.last) < pulse || len(t.society.present) == 0 {
		return ledger.Batch{}, false
	}
	t.book.last = now
	rng := rand.New(rand.NewPCG(t.seed, uint64(now.UnixMicro())))
	places := []string{"under the pier", "in an old coat", "between the paving stones", "in a fish", "behind the mill"}
	amount := 1 + rng.Int64N(12)
	return ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: Origin, Ref: "found/" + strconv.FormatInt(now.UnixMicro(), 10), At: now,
		Source: "found", Message: "Found " + pick(rng, places),
		Postings: []ledger.Posting{
			{Account: t.public.mint.Ref, Amount: -amount},
			{Account: pick(rng, t.society.present).account.Ref, Amount: amount},
		},
	}}}, true
}
