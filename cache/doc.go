// Package cache is the memo: each number is computed at most once per
// wall-clock window for a whole fleet of processes, kept with its last known
// good value, and refreshed ahead of its readers.
//
// # Use
//
// A memo is declared once, typed, and named. Get returns the value of the
// current window, or at once the newest one before it while a refresh runs;
// it waits only where nothing is known at all. Producers run detached from the
// request that started them, with their own deadline; one that fails, panics
// or hangs costs its own memo only, which goes on showing what it has and says
// why. Values travel as JSON: a type that JSON would change is refused when the
// memo is declared.
//
// # States
//
// What a process knows of a key is an entry, which never changes; what is learnt
// later is another entry. judge alone decides what may be done with one:
//
//	          first run                window ends, or soft invalidation
//	(nothing) ─────────▶ fresh ◀─────────────────────────────▶ stale
//	    ▲                  ▲  │          refresh succeeds         │
//	    │                  │  └──────── refresh fails ──────┐     │
//	    │    refresh       │                                ▼     ▼
//	    │    succeeds      └───────────────────────────── degraded
//	    │
//	    └── hard invalidation, or the hard limit, from any of these
//
// Fresh, stale and degraded values are shown. Of entries for one key the later
// window replaces the earlier, then the higher generation, then the run that
// began later. So within a window no reader sees an older reading after a newer
// one, whichever run ends first, also where a lock or the store's data are lost.
// A process that was cut off from the store may, when the outage ends.
//
// # Two storeys
//
// The engine in this package knows no network. A [Store] is what the processes
// share: blobs, locks, invalidations, messages. [Memory] is one for a process by
// itself; package redisstore is a driver for Redis. [Failover] stands around a
// driver: a circuit breaker that returns [ErrUnavailable] at once while the
// store does not serve, and probes it. The engine then goes on by itself: it
// shows what its process level holds, computes without the fleet's lock, and
// gives generations by the clock.
//
// The process level holds decoded values, shared by pointer and never changed,
// bounded by their weight. The store has one blob a key. When its connection is
// new, the cache restores what the store may have lost: the invalidations that
// it lacks, and the values that the process level holds.
//
// # The lease
//
// Who computes a key holds its lock for leaseFor (4 s) and extends it each
// leaseEvery (1 s). So
//
//	a holder that dies is replaced within      leaseFor
//	a holder can be cut off from the store for leaseFor − leaseEvery and keep it
//	a reader without a value computes itself   policy.Timeout + margin
//	                                           after it first saw the lock taken
//
// A holder whose lock is gone is cancelled when it next extends it, and can
// publish nothing: the store checks the owner. Past policy.Timeout a producer is
// given up, so that a living holder has a lock for about a second longer than
// policy.Timeout, in which it polls and publishes, and a dead one for leaseFor.
//
// Locks of the process are taken in the order Cache.mu, slot.mu, memo.mu.
//
// # Generations
//
// All invalidations are in one order, their generations, which follow the
// store's clock in microseconds. A value carries the newest generation that was
// known when its producer began; any above that in one of its scopes makes it
// stale (soft) or forbids it (hard). So an invalidation cannot lose to a run
// under way. The generation is raised first, then the process itself goes by
// it, then the others are told; whoever misses the message polls within a
// second. Hard ones are also recorded in a [Journal], which processes read when
// they start and every 10 s, so that they outlive the store and the processes.
//
// # What may fail
//
//	a producer          last known good with a reason; back-off in the blob, so
//	                    for the whole fleet; a circuit for each memo
//	the store           one call of a second, then nothing waits for it
//	one key of it       that key is computed by each process; logged once a minute
//	a process           its locks run out; the others take over
//	a message           polls make up for it
//	a machine's clock   windows go by the store's; see clock
//	the store's data    restored by the processes; hard invalidations by the journal
//
// The package never keeps a value that its producer did not return, never
// replaces a window by an earlier one, and never serves what was invalidated
// hard.
package cache
