package cache_test

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

// A jumping store has a clock that a test sets, and counts who looks there.
type jumping struct {
	*cache.Memory
	by    atomic.Int64
	loads atomic.Int64
}

func (s *jumping) Now(context.Context) (time.Time, error) {
	return time.Now().Add(time.Duration(s.by.Load())), nil
}

func (s *jumping) Load(ctx context.Context, key string) ([]byte, error) {
	s.loads.Add(1)
	time.Sleep(time.Microsecond) // a reader that spins takes time
	return s.Memory.Load(ctx, key)
}

func TestAReaderDoesNotSpinWhenTheFleetsClockGoesBackWhileACircuitIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &jumping{Memory: cache.NewMemory()}
		store.by.Store(int64(time.Hour))
		var clock wrongClock
		clock.set(time.Hour)
		var s source
		s.set(0, errDown, nil)
		m := s.items(open(t, cache.Deps{Store: store, Clock: clock.now}))
		for i := range 6 { // five open the circuit
			m.Get(t.Context(), Item(strconv.Itoa(i)))
		}
		store.by.Store(0)
		clock.set(0)
		time.Sleep(3 * time.Second) // the cache has noticed
		before := store.loads.Load()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r, err := m.Get(ctx, "another"); err == nil {
			t.Errorf("Get() = %v", r)
		}
		if loads := store.loads.Load() - before; loads > 2 {
			t.Errorf("one reader looked at the store %d times", loads)
		}
		s.set(0, nil, nil)
		time.Sleep(time.Minute)
		if _, err := m.Get(t.Context(), "another"); err != nil {
			t.Errorf("a minute later, with a producer that works: %v", err)
		}
	})
}

// A refusing store takes no publication, as a server does whose clock is far
// behind that of the fleet.
type refusing struct{ *cache.Memory }

func (refusing) Publish(context.Context, cache.Publication) (bool, error) { return false, nil }

func TestAPublicationThatIsRefusedIsLoggedOnceAMinuteAndShownHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		var s source
		m := s.memo(open(t, cache.Deps{Store: refusing{cache.NewMemory()}, Log: slog.New(slog.NewTextHandler(&text, nil))}))
		for n := range 4 { // two windows a minute
			wantResult(t, get(t, m, One{}), n+1, cache.Fresh, "of this window")
			boundary()
		}
		if lines := strings.Count(text.String(), "publication refused"); lines != 3 { // of five
			t.Errorf("logged %d times in the two minutes from the first to the last:\n%s", lines, text.String())
		}
	})
}
