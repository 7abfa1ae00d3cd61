package cache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exchequer/cache"
)

func TestAHardInvalidationOutlivesTheProcessThatMadeItInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		faulty, failover := behind(t, memory)
		var s source
		journal := new(diary)
		a := cache.New(cache.Deps{Store: failover, Journal: journal})
		m := s.memo(a)
		b := open(t, cache.Deps{Store: memory, Journal: journal})
		n := s.memo(b)
		forbidden := get(t, m, One{}).Value
		wantResult(t, get(t, n, One{}), forbidden, cache.Fresh, "before")
		s.set(0, errDown, nil) // so that there is nothing newer to show
		faulty.set(errDown, 0)
		if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(t.Context()); err != nil { // a deploy
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		for _, late := range []*cache.Memo[One, int]{n, s.memo(open(t, cache.Deps{Store: memory, Journal: journal}))} {
			if r, err := late.Get(t.Context(), One{}); err == nil {
				t.Errorf("the forbidden value %d is shown, %v", r.Value, r.State)
			}
		}
	})
}

func TestAStoreThatComesBackWithOldDataBringsBackNothingForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		journal := new(diary)
		store := &spy{cache.NewMemory(), map[string][]byte{}, false}
		c := cache.New(cache.Deps{Store: store, Journal: journal})
		m := s.memo(c)
		get(t, m, One{})
		var saved cache.Publication // what the store has at this time
		for key, blob := range store.blobs {
			saved = cache.Publication{Key: key, Window: cache.WindowAt(time.Now(), window).Start.UnixNano(), ReadAt: time.Now().UnixNano(), Blob: blob, Keep: time.Hour}
		}
		time.Sleep(time.Second)
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		get(t, m, One{})
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		// All processes and the store start anew.
		old := cache.NewMemory()
		if done, err := old.Publish(t.Context(), saved); !done || err != nil {
			t.Fatalf("Publish() = %v, %v", done, err)
		}
		s.set(0, errDown, nil)
		n := s.memo(open(t, cache.Deps{Store: old, Journal: journal}))
		if r, err := n.Get(t.Context(), One{}); err == nil {
			t.Errorf("the forbidden value %d is shown, %v", r.Value, r.State)
		}
		if r, err := s.memo(open(t, cache.Deps{Store: old})).Get(t.Context(), One{}); err != nil || r.Value != 1 {
			t.Errorf("without a journal: %v, %v; the old data were to be there", r, err)
		}
	})
}

func TestAHardInvalidationThatCannotBeRecordedIsInForceAndAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		c := open(t, cache.Deps{Journal: &diary{err: errDown}})
		m := s.memo(c)
		get(t, m, One{})
		if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); !errors.Is(err, errDown) {
			t.Errorf("Invalidate() = %v, want that it was not recorded", err)
		}
		wantResult(t, get(t, m, One{}), 2, cache.Fresh, "all the same")
		if err := c.Invalidate(t.Context(), cache.Soft, cache.Tag("ledger")); err != nil {
			t.Errorf("a soft one needs no journal: %v", err)
		}
	})
}

func TestNoReaderOfAProcessThatWasAsleepIsShownWhatWasForbiddenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		store := &slowToAsk{lossy: lossy{memory}}
		var s source
		m := s.memo(open(t, cache.Deps{Store: store}))
		awake := open(t, cache.Deps{Store: memory})
		s.memo(awake)
		forbidden := get(t, m, One{}).Value
		s.set(0, errDown, nil)
		store.by.Store(int64(5 * time.Second)) // no answer, as in a process that does not run
		time.Sleep(time.Second)
		if err := awake.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				if r, err := m.Get(t.Context(), One{}); err == nil {
					t.Errorf("a reader is shown the forbidden value %d of %d", r.Value, forbidden)
				}
			})
			time.Sleep(time.Millisecond)
		}
		readers.Wait()
	})
}

func TestAGoodValueAtTheStoreIsShownAsSoonAsTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		var good, bad source
		get(t, good.memo(open(t, cache.Deps{Store: memory})), One{})
		bad.set(0, errDown, nil)
		faulty, failover := behind(t, memory)
		faulty.set(errDown, 0)
		m := bad.memo(open(t, cache.Deps{Store: failover}))
		for range 160 { // until the producer is tried again only after half a minute
			if _, err := m.Get(t.Context(), One{}); err == nil {
				t.Fatal("there is a value")
			}
			time.Sleep(100 * time.Millisecond)
		}
		faulty.set(nil, 0)
		for isOpen(failover) {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := m.Get(t.Context(), One{}); err != nil {
			t.Errorf("the store is back and has a value: %v", err)
		}
	})
}

// What one process restores to a store that came back empty may be older than
// what another one has polled already.
func TestAnInvalidationThatIsRestoredLateReachesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		first, second := &swapped{}, &swapped{}
		first.set(cache.NewMemory())
		second.set(first.now())
		a, b := open(t, cache.Deps{Store: first}), open(t, cache.Deps{Store: second})
		m, n := s.memo(a), s.memo(b)
		get(t, m, One{})
		get(t, n, One{})
		alone := cache.NewMemory() // a has lost its connection
		first.set(alone)
		if err := a.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := b.Invalidate(t.Context(), cache.Soft, cache.Name("number")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond) // b has polled up to its own invalidation
		s.set(0, errDown, nil)
		first.set(second.now())
		first.connected()
		time.Sleep(time.Second)
		if r, err := n.Get(t.Context(), One{}); err == nil && r.Value == 1 {
			t.Errorf("the value that a forbade is shown by b: %v", r)
		}
		fresh := s.memo(open(t, cache.Deps{Store: second.now()}))
		if r, err := fresh.Get(t.Context(), One{}); err == nil && r.Value == 1 {
			t.Errorf("the value that a forbade is shown by a fresh process: %v", r)
		}
	})
}

// The first process is cut off from the store while it computes, for longer
// than its lease.
func TestAReadingFromAnOutageReplacesNoNewerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		faulty, failover := behind(t, memory)
		var b balance
		slow := b.memo(open(t, cache.Deps{Store: failover}), 8*time.Second)
		quick := b.memo(open(t, cache.Deps{Store: memory}), 50*time.Millisecond)
		go slow.Get(t.Context(), One{})
		time.Sleep(500 * time.Millisecond)
		faulty.set(errDown, 0)
		time.Sleep(5 * time.Second) // the lease has run out
		b.written.Store(1)
		if r := get(t, quick, One{}); r.Value != 1 {
			t.Fatalf("the second shows %d, want what was written", r.Value)
		}
		time.Sleep(5 * time.Second)
		if r := get(t, slow, One{}); r.Value != 0 {
			t.Errorf("the first, which is alone, shows %d", r.Value)
		}
		faulty.set(nil, 0)
		time.Sleep(10 * time.Second)
		late := b.memo(open(t, cache.Deps{Store: memory}), 0)
		for process, m := range map[string]*cache.Memo[One, int64]{"the first": slow, "the second": quick, "a fresh one": late} {
			if r := get(t, m, One{}); r.Value != 1 {
				t.Errorf("%s shows the older reading", process)
			}
		}
	})
}

// A swapped store is a memory that a test replaces.
type swapped struct {
	cache.Store
	mu     sync.Mutex
	memory *cache.Memory
	handle func(cache.Message)
}

func (s *swapped) set(m *cache.Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory, s.Store = m, m
}

func (s *swapped) now() *cache.Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory
}

func (s *swapped) Invalidate(ctx context.Context, mode cache.Mode, scopes []string, above int64, once string) (int64, bool, error) {
	return s.now().Invalidate(ctx, mode, scopes, above, once)
}

func (s *swapped) Invalidations(ctx context.Context, above int64) ([]cache.Invalidation, error) {
	return s.now().Invalidations(ctx, above)
}

func (s *swapped) Restore(ctx context.Context, list []cache.Invalidation) error {
	return s.now().Restore(ctx, list)
}

func (s *swapped) Load(ctx context.Context, key string) ([]byte, error) {
	return s.now().Load(ctx, key)
}

func (s *swapped) Publish(ctx context.Context, p cache.Publication) (bool, error) {
	return s.now().Publish(ctx, p)
}

func (s *swapped) Lock(ctx context.Context, key, owner string, lease time.Duration) (bool, error) {
	return s.now().Lock(ctx, key, owner, lease)
}

func (s *swapped) Unlock(ctx context.Context, key, owner string) error {
	return s.now().Unlock(ctx, key, owner)
}

func (s *swapped) Now(ctx context.Context) (time.Time, error) { return s.now().Now(ctx) }

func (s *swapped) Notify(ctx context.Context, list []cache.Invalidation) error {
	return s.now().Notify(ctx, list)
}

func (s *swapped) Listen(handle func(cache.Message)) (stop func()) {
	s.mu.Lock()
	s.handle = handle
	s.mu.Unlock()
	return s.now().Listen(handle)
}

// connected sends the message of a new connection.
func (s *swapped) connected() {
	s.mu.Lock()
	handle := s.handle
	s.mu.Unlock()
	handle(cache.Message{Connected: true})
}

// A diary is a journal in memory, which may fail.
type diary struct {
	mu   sync.Mutex
	list []cache.Invalidation
	err  error
}

func (d *diary) Record(_ context.Context, list []cache.Invalidation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.list = append(d.list, list...)
	}
	return d.err
}

func (d *diary) Recorded(context.Context) ([]cache.Invalidation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list), d.err
}

// A slowToAsk store takes a while to read its invalidations, and loses messages.
type slowToAsk struct {
	lossy
	by atomic.Int64
}

func (s *slowToAsk) Invalidations(ctx context.Context, above int64) ([]cache.Invalidation, error) {
	time.Sleep(time.Duration(s.by.Load()))
	return s.lossy.Invalidations(ctx, above)
}

func TestAProcessInAnOutageGoesByWhatOthersForbid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := cache.NewMemory()
		faulty, failover := behind(t, memory)
		var s source
		journal := new(diary)
		m := s.memo(open(t, cache.Deps{Store: failover, Journal: journal}))
		other := open(t, cache.Deps{Store: memory, Journal: journal})
		s.memo(other)
		get(t, m, One{})
		s.set(0, errDown, nil)
		faulty.set(errDown, 0)
		time.Sleep(3 * time.Second)
		if err := other.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if r, err := m.Get(t.Context(), One{}); err == nil {
			t.Errorf("the forbidden value is shown: %v", r)
		}
	})
}

func TestNobodyWaitsLongerThanTheyWantForAStoreThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowToAsk{lossy: lossy{cache.NewMemory()}}
		var s source
		m := s.memo(open(t, cache.Deps{Store: store}))
		get(t, m, One{})
		store.by.Store(int64(20 * time.Second))
		time.Sleep(5 * time.Second)
		began := time.Now()
		if r, err := m.Peek(One{}); !errors.Is(err, cache.ErrAbsent) || time.Since(began) > 0 {
			t.Errorf("Peek() = %v, %v after %v; want nothing at once, since it may have been forbidden", r, err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if r, err := m.Get(ctx, One{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("Get() = %v, %v after %v; want its own deadline", r, err, time.Since(began))
		}
		store.by.Store(0)
		time.Sleep(20 * time.Second)
		get(t, m, One{})
	})
}
