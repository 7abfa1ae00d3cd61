package connector

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// Deps are what a [Follower] needs.
type Deps struct {
	Ledger *ledger.Ledger
	DB     *pgxpool.Pool // of the ledger
	Log    *slog.Logger
}

// A Follower keeps a ledger in step with one source.
type Follower struct {
	Deps
	config Config
	state  state
	open   func() (source, error)

	// Of the process that leads:
	source source
	marks  map[string]*mark
	seen   map[string]*seen // of streams that are read whole
	tails  map[string]*tail // of streams that grow
	told   told             // by their lines
	once   bool             // there is no next comparison

	differing map[string]ledger.Sum // by how much accounts differed; nil: they were not compared yet
	again     time.Time             // when all is to be read and compared again
}

// New returns a follower of the source.
func New(d Deps, c Config) (*Follower, error) {
	open, err := parseSource(c.URL)
	if err != nil {
		return nil, err
	}
	return &Follower{Deps: d, config: c, state: state{d.DB, c.Name}, open: open}, nil
}

const (
	every       = time.Second      // new rows are read
	everyWhole  = 10 * time.Second // and all that may have changed; less often where that takes long
	partOfTime  = 10               // of which it may take
	firstPause  = time.Second
	longPause   = time.Minute
	everyLeader = 2 * time.Second // another process tries to lead
)

// Follow follows the source until ctx ends. Of several processes that do, one leads, and
// the others wait for its end.
func (f *Follower) Follow(ctx context.Context) {
	for ctx.Err() == nil {
		lease, err := lead(ctx, f.DB, f.config.Name)
		switch {
		case err != nil && ctx.Err() == nil:
			f.Log.WarnContext(ctx, "waiting for the lead of a source failed", "source", f.config.Name, "error", err)
		case lease != nil:
			f.Log.InfoContext(ctx, "following a source", "source", f.config.Name)
			f.follow(ctx, lease)
			lease.end(ctx)
			continue
		}
		wait(ctx, everyLeader)
	}
}

// follow runs rounds until ctx or the lease ends.
func (f *Follower) follow(ctx context.Context, lease *lease) {
	defer f.close()
	for pause := firstPause; ctx.Err() == nil; {
		if err := lease.check(ctx); err != nil {
			f.Log.WarnContext(ctx, "no longer leading a source", "source", f.config.Name, "error", err)
			return
		}
		began := time.Now()
		err := f.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = firstPause
			wait(ctx, every-time.Since(began))
			continue
		}
		f.close()
		f.Log.WarnContext(ctx, "following a source failed; trying again", "source", f.config.Name, "in", pause.String(), "error", err)
		if err := f.state.failed(ctx, err); err != nil {
			f.Log.WarnContext(ctx, "following a source failed", "source", f.config.Name, "error", err)
		}
		wait(ctx, pause/2+rand.N(pause/2))
		pause = min(2*pause, longPause)
	}
}

// Once reads all that the source has, and compares.
func (f *Follower) Once(ctx context.Context) error {
	defer f.close()
	f.once = true
	err := f.round(ctx)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, f.state.failed(ctx, err))
	}
	return err
}

func (f *Follower) close() {
	if f.source != nil {
		f.source.close()
	}
	f.source, f.marks, f.seen, f.tails, f.told, f.differing, f.again = nil, nil, nil, nil, nil, nil, time.Time{}
}

// connect opens the source and reads how far it was read.
func (f *Follower) connect(ctx context.Context) (err error) {
	if f.source != nil {
		return nil
	}
	if f.source, err = f.open(); err != nil {
		return err
	}
	if err := f.source.fits(f.config.Preset); err != nil {
		return err
	}
	if f.marks, err = f.state.marks(ctx); err != nil {
		return err
	}
	f.seen, f.tails, f.told = map[string]*seen{}, map[string]*tail{}, told{}
	for _, s := range f.config.Preset.read(f.source.kind()) {
		if f.marks[s.name] == nil {
			f.marks[s.name] = newMark(0, 0)
		}
		f.seen[s.name] = &seen{seed: maphash.MakeSeed()}
	}
	return nil
}

// round reads what is new. Now and then it reads all that may have changed, in one
// snapshot, and compares.
func (f *Follower) round(ctx context.Context) error {
	if err := f.connect(ctx); err != nil {
		return err
	}
	began := time.Now()
	whole := !began.Before(f.again)
	for _, s := range f.config.Preset.read(f.source.kind()) {
		var err error
		switch {
		case s.grows():
			err = f.readGrown(ctx, s)
		case s.mark != "":
			err = f.readNew(ctx, s) // may be much, and is not to be read in one transaction
		case whole:
			err = f.source.read(ctx, func(at snapshot) error { return f.readWhole(ctx, at, s) })
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	complete := time.Now()
	if whole {
		if err := f.source.read(ctx, func(at snapshot) error { return f.readAgain(ctx, at) }); err != nil {
			return err
		}
		f.again = time.Now().Add(max(everyWhole, partOfTime*time.Since(complete)))
	} else {
		complete = began
	}
	return f.state.reached(ctx, time.Since(complete).Seconds(), true)
}

// readAgain reads, in one snapshot, what may have been committed late and what is new,
// and compares balances.
func (f *Follower) readAgain(ctx context.Context, at snapshot) error {
	began := time.Now()
	for _, s := range f.config.Preset.read(f.source.kind()) {
		if s.whole() || s.grows() {
			continue
		}
		m := f.marks[s.name]
		if err := f.readAfter(ctx, at, s, m.settled); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		m.settle(began)
		if err := f.readLeftOut(ctx, at, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	var err error
	switch of := f.config.Preset.compared(f.source.kind()); {
	case of == nil:
	case of.grows():
		err = f.compareTold(ctx)
	default:
		err = f.compare(ctx, at)
	}
	if err != nil {
		return fmt.Errorf("compare balances: %w", err)
	}
	return nil
}

// wait waits, until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
