package town_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/internal/town"
	"exchequer/ledger"
)

// A memory is a ledger that only remembers refs, as Append does.
type memory struct {
	t        *testing.T
	refs     map[string]ledger.Transaction
	order    []ledger.Transaction
	repeated int
}

func (m *memory) append(_ context.Context, b ledger.Batch) error {
	for _, x := range b.Transactions {
		if old, known := m.refs[x.Ref]; known {
			m.repeated++
			if hash(m.t, old) != hash(m.t, x) {
				m.t.Errorf("ref %s was used for something else", x.Ref)
			}
			continue
		}
		if x.At.After(time.Now()) {
			m.t.Errorf("transaction %s is stamped %v from now", x.Ref, time.Until(x.At))
		}
		m.refs[x.Ref] = x
		m.order = append(m.order, x)
	}
	return nil
}

// found are the pennies of the moment, which are not part of the model.
func (m *memory) model() []ledger.Transaction {
	var kept []ledger.Transaction
	for _, x := range m.order {
		if x.Source != "found" {
			kept = append(kept, x)
		}
	}
	return kept
}

func (m *memory) write(c town.Config) *town.Town {
	w := town.New(c)
	err := w.History(m.t.Context(), func(b ledger.Batch) error { return m.append(m.t.Context(), b) })
	if err != nil {
		m.t.Fatal(err)
	}
	return w
}

// live runs for a while.
func (m *memory) live(w *town.Town, d time.Duration, append func(context.Context, ledger.Batch) error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), d)
	defer cancel()
	if err := w.Live(ctx, append); err != nil {
		m.t.Errorf("Live = %v, want nil when its context ends", err)
	}
}

func TestLiveGoesOnWithoutAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().AddDate(0, 0, -3)
		m := &memory{t: t, refs: map[string]ledger.Transaction{}}
		w := m.write(town.Config{Seed: 1, Players: 600, Start: start, End: time.Now()})
		time.Sleep(10 * time.Second) // writing the history takes a while
		began := time.Now()
		m.live(w, 2*time.Hour+time.Second, m.append)

		whole := transactions(history(t, town.Config{Seed: 1, Players: 600, Start: start, End: time.Now().Add(-time.Second)}))
		if got := m.model(); hash(t, got) != hash(t, whole) {
			t.Errorf("%d transactions in the ledger, %d in one long history, or others", len(got), len(whole))
		}
		last := began
		for _, x := range m.order {
			if x.At.Before(began) {
				continue
			}
			most := 8 * time.Second
			if x.At.Sub(began) > 10*time.Minute {
				most = 23 * time.Second
			}
			if silent := x.At.Sub(last); silent > most {
				t.Errorf("silent for %v at %v", silent, x.At)
			}
			last = x.At
		}
	})
}

func TestARestartCatchesUpAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := town.Config{Seed: 5, Players: 400, Days: 4, End: time.Now()}
		m := &memory{t: t, refs: map[string]ledger.Transaction{}}
		m.live(m.write(c), 20*time.Minute, m.append)

		for _, off := range []time.Duration{time.Minute, 3*time.Hour + 7*time.Second, 50 * time.Hour} {
			time.Sleep(off)
			c.Start, c.Since, c.End = m.order[0].At, m.order[len(m.order)-1].At, time.Now()
			before := len(m.order)
			w := m.write(c)
			if off > time.Hour && len(m.order) < before+20 {
				t.Errorf("%d transactions in %v without the program, want the gap filled", len(m.order)-before, off)
			}
			m.live(w, 10*time.Minute, m.append)
		}
		whole := transactions(history(t, town.Config{Seed: 5, Players: 400, Start: m.order[0].At, End: time.Now()}))
		got := m.model()
		if hash(t, got) != hash(t, whole[:len(got)]) || len(whole)-len(got) > 5 {
			t.Errorf("%d transactions after three restarts, %d in one long history, or others", len(got), len(whole))
		}
		if m.repeated > 10 {
			t.Errorf("%d transactions came again", m.repeated)
		}
	})
}

func TestAFailedAppendIsTriedAgainInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().AddDate(0, 0, -2)
		m := &memory{t: t, refs: map[string]ledger.Transaction{}}
		w := m.write(town.Config{Seed: 1, Players: 600, Start: start, End: time.Now()})
		downFrom, downUntil := time.Now().Add(5*time.Minute), time.Now().Add(11*time.Minute)
		failures := 0
		m.live(w, 20*time.Minute, func(ctx context.Context, b ledger.Batch) error {
			if time.Now().After(downFrom) && time.Now().Before(downUntil) {
				failures++
				if failures%2 == 0 {
					m.append(ctx, b) // it was written, but the answer was lost
				}
				return errors.New("connection refused")
			}
			return m.append(ctx, b)
		})
		if failures < 5 || failures > 40 {
			t.Errorf("%d attempts in six minutes of failure", failures)
		}
		for i, x := range m.order[1:] {
			if x.At.Before(m.order[i].At) {
				t.Errorf("transaction %s comes after a later one", x.Ref)
			}
		}
		whole := transactions(history(t, town.Config{Seed: 1, Players: 600, Start: start, End: time.Now().Add(-2 * time.Second)}))
		if got := m.model(); len(got) < len(whole) || hash(t, got[:len(whole)]) != hash(t, whole) {
			t.Errorf("%d transactions written, %d happened, or others", len(got), len(whole))
		}
	})
}

func TestWithoutAPulseNothingIsMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{t: t, refs: map[string]ledger.Transaction{}}
		w := m.write(town.Config{Seed: 1, Players: 100, Days: 2, End: time.Now(), Pulse: -1})
		m.live(w, 5*time.Minute, m.append)
		if got := m.model(); len(got) != len(m.order) {
			t.Errorf("%d transactions of the moment", len(m.order)-len(got))
		}
	})
}
