package cache

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// Deps are what a cache needs. Only Store is required.
type Deps struct {
	Store      Store
	Clock      func() time.Time      // the machine's clock, which may be off; time.Now if nil
	Space      string                // the tenant; spaces that share a store keep apart
	Journal    Journal               // keeps hard invalidations; if nil they are lost with the store's data
	Log        *slog.Logger          // nothing is logged if nil
	Registerer prometheus.Registerer // nothing is registered if nil
	Tracer     trace.Tracer          // nothing is traced if nil
	Policies   map[string]Policy     // overrides by memo name, field by field where not zero; see CheckPolicies
	Memory     int64                 // limit of the process level in bytes; 32 MiB if zero
	Producers  int                   // limit of producers at the same time; 8 if zero
}

const (
	defaultMemory    = 32 << 20
	defaultProducers = 8
	warnEvery        = time.Minute // at most one warning of a kind in this time
	aloneProducers   = 2           // limit of producers without the fleet's lock
)

// A Cache holds memos over a store. Its methods are safe for concurrent use.
type Cache struct {
	// Set by New, never changed.
	store     Store
	journal   Journal // or nil
	space     string
	process   string // host and pid, for operators
	kind      string // of the store, as in SharedStats
	log       *slog.Logger
	tracer    trace.Tracer // or nil
	overrides map[string]Policy

	// Safe for concurrent use by themselves.
	codec       codec
	generations generations
	metrics     *metrics
	clock                                 // sampled under polling
	level       *otter.Cache[uint64, any] // the process level: hash of memo and parameters to *slot[P, T]
	producers   limit                     // of producers that run
	alone       limit                     // of producers that run without the fleet's lock
	background  limit                     // of those in the background: see enter
	warnings    rate.Sometimes
	tasks       tasks

	mu        sync.Mutex // guards memos, families, policyErr and since
	memos     map[string]*memo
	families  map[string]*family // of memos of many keys, by what their names have in common
	policyErr error              // from overrides that make no sense
	since     time.Time          // of the counts that operators read

	polling limit         // of one; held while the store is polled
	polled  atomic.Int64  // the last poll's time by the fleet's clock; 0 before the first
	changed chan struct{} // of one; has a value when the loop has to look again

	restoring  sync.Mutex  // held by restore
	restoreDue atomic.Bool // whether the store may lack what this process has

	reading sync.Mutex // held by readJournal

	// Set by New, never changed; ended by Close.
	unsubscribe func()
	ctx         context.Context // of all background work
	cancel      context.CancelFunc
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
		tracer:      d.Tracer,
		codec:       newCodec(),
		overrides:   d.Policies,
		generations: generations{marks: map[mark]int64{}},
		producers:   make(limit, d.Producers),
		alone:       make(limit, aloneProducers),
		background:  make(limit, min(max(1, d.Producers-2), runtime.GOMAXPROCS(0))),
		memos:       map[string]*memo{},
		families:    map[string]*family{},
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
	c.kind = c.store.Stats(ended).Kind // ended: no server is asked
	c.start(d.Clock)
	c.metrics = newMetrics(c, d.Registerer)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.unsubscribe = c.store.Listen(c.handle)
	c.tasks.others.Go(c.run)
	return c
}

// Close starts no more producers and waits for those that run. When ctx ends
// first, Close cancels them and returns an error that wraps that of ctx. A
// producer that ignores its context goes on after Close.
func (c *Cache) Close(ctx context.Context) error {
	c.tasks.close()
	landed := make(chan struct{})
	go func() {
		c.tasks.flights.Wait()
		close(landed)
	}()
	var err error
	select {
	case <-landed:
	case <-ctx.Done():
		err = fmt.Errorf("close cache: producers still ran: %w", ctx.Err())
	}
	c.unsubscribe()
	c.cancel()
	if err != nil {
		// Producers that heed their context end now.
		select {
		case <-landed:
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

// after runs f once d has passed, unless the cache is closed by then. It uses a
// timer, since a sleeping goroutine for each key would cost more.
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

// handle handles a message of the store. It must not call the store.
func (c *Cache) handle(message Message) {
	if message.Connected {
		c.restoreDue.Store(true)
		c.nudge()
	}
	c.generations.update(c.plausible(message.Invalidations, soonSlack)...)
	if message.Ready == "" {
		return
	}
	for _, m := range c.all() {
		if strings.HasPrefix(message.Ready, m.prefix) {
			m.wake(message.Ready)
		}
	}
}
