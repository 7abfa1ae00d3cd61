package cache

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Deps are what a cache needs. Only Store is required.
type Deps struct {
	Store      Store
	Clock      func() time.Time // of this machine, which may be off; time.Now if nil
	Space      string           // whose numbers they are: several may share a store
	Journal    Journal          // of hard invalidations; they end with the store's data if nil
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Policies   map[string]Policy // by memo name; what is not zero overrides the memo's own; see CheckPolicies
	Memory     int64             // bytes of what the process level holds; 32 MiB if zero
	Producers  int               // that run at the same time; 8 if zero
}

const (
	defaultMemory    = 32 << 20
	defaultProducers = 8
	warnEvery        = time.Minute // of what goes on failing
	aloneProducers   = 2           // that run without the fleet's lock
)

// A Cache holds memos over a store.
type Cache struct {
	store   Store
	journal Journal // or nil
	space   string
	process string // how operators know it
	kind    string // of the store, as in SharedStats
	log     *slog.Logger
	codec   codec

	overrides   map[string]Policy
	generations generations
	metrics     *metrics
	clock

	level      *otter.Cache[uint64, any] // hash of memo and parameters to *slot[P, T]
	producers  limit
	alone      limit
	background limit // refreshes that nobody waits for: some producers are left for who does

	mu        sync.Mutex // guards what follows
	memos     map[string]*memo
	policyErr error     // overrides that make no sense
	since     time.Time // operators count from here

	polling limit         // of one
	polled  atomic.Int64  // when somebody did last, by the fleet's clock; 0: never
	changed chan struct{} // holds one value when the loop has something new to look at

	restoring  sync.Mutex  // held by who restores
	restoreDue atomic.Bool // whether the store may lack what is known here
	warnings   rate.Sometimes

	unsubscribe func()          // stops the messages
	ctx         context.Context // of all that runs in the background
	cancel      context.CancelFunc
	tasks       tasks
}

// New returns a cache without memos. It runs until Close.
func New(d Deps) *Cache {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Memory == 0 {
		d.Memory = defaultMemory
	}
	if d.Producers == 0 {
		d.Producers = defaultProducers
	}
	c := &Cache{
		store:       d.Store,
		journal:     d.Journal,
		space:       d.Space,
		warnings:    rate.Sometimes{First: 1, Interval: warnEvery},
		process:     processName(),
		since:       time.Now().UTC(),
		log:         d.Log,
		codec:       newCodec(),
		overrides:   d.Policies,
		generations: generations{marks: map[mark]int64{}},
		producers:   make(limit, d.Producers),
		alone:       make(limit, aloneProducers),
		background:  make(limit, max(1, d.Producers-2)),
		memos:       map[string]*memo{},
		polling:     make(limit, 1),
		changed:     make(chan struct{}, 1),
		tasks:       tasks{closing: make(chan struct{})},
	}
	c.level = otter.Must(&otter.Options[uint64, any]{
		MaximumWeight: uint64(d.Memory),
		Weigher:       func(_ uint64, s any) uint32 { return s.(anySlot).weight() },
		OnDeletion: func(e otter.DeletionEvent[uint64, any]) {
			if e.WasEvicted() {
				e.Value.(anySlot).evicted()
			}
		},
	})
	c.kind = c.store.Stats(ended).Kind // without a question to a server
	c.start(d.Clock)
	c.metrics = newMetrics(c, d.Registerer)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.unsubscribe = c.store.Listen(c.handle)
	c.tasks.others.Go(c.run)
	return c
}

// Close starts no more producers and waits for those that run. When ctx ends
// before they do, it cancels them and returns an error.
func (c *Cache) Close(ctx context.Context) error {
	c.tasks.close()
	flown := make(chan struct{})
	go func() {
		c.tasks.flights.Wait()
		close(flown)
	}()
	var err error
	select {
	case <-flown:
	case <-ctx.Done():
		err = fmt.Errorf("close cache: producers still ran: %w", ctx.Err())
	}
	c.unsubscribe()
	c.cancel()
	if err != nil {
		// What heeds its context ends now. What does not is beyond our power.
		select {
		case <-flown:
		case <-time.After(time.Second):
		}
	}
	c.tasks.others.Wait()
	c.metrics.unregister()
	c.level.StopAllGoroutines()
	return err
}

// all returns the memos, by name.
func (c *Cache) all() []*memo {
	c.mu.Lock()
	defer c.mu.Unlock()
	memos := make([]*memo, 0, len(c.memos))
	for _, name := range slices.Sorted(maps.Keys(c.memos)) {
		memos = append(memos, c.memos[name])
	}
	return memos
}

// after runs f once, later, unless the cache is closed by then. A timer rather
// than a goroutine that sleeps: a cache at rest has none.
func (c *Cache) after(d time.Duration, f func()) {
	if d <= 0 {
		c.tasks.start(f)
		return
	}
	time.AfterFunc(d, func() {
		if c.tasks.begin() {
			defer c.tasks.others.Done()
			f()
		}
	})
}

// receive handles the store's messages.
func (c *Cache) handle(message Message) {
	if message.Connected {
		c.restoreDue.Store(true)
		c.nudge()
	}
	c.generations.update(c.plausible(message.Invalidations)...)
	if message.Ready == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.memos {
		if strings.HasPrefix(message.Ready, m.prefix) {
			m.wake(message.Ready)
		}
	}
}
