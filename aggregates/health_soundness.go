package aggregates

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/ledger"
)

// SoundnessMemos are the memos of the page that answers whether the money is sound.
type SoundnessMemos struct {
	Soundness *cache.Memo[NoParams, *Soundness]
	Cohorts   *cache.Memo[NoParams, *Cohorts]
	Cache     *cache.Memo[NoParams, *CacheState]
	Followed  *cache.Memo[NoParams, *Followed]
	// Night is read by Soundness, and computed for whoever calls its Get: see
	// [NewSoundnessMemos].
	Night *cache.Memo[NoParams, *Night]
}

const (
	soundWindow    = time.Minute      // how long one reading of the signs serves
	followedWindow = 10 * time.Second // and one of the sources
)

// NewSoundnessMemos registers the memos. The signs are judged by thresholds. Night
// verifies the whole ledger, so it is not prewarmed: the caller gets it from time
// to time, where that is wanted. It ends early when leaving ends. Of the options it takes
// [ExactUpTo]: all is read from db.
func NewSoundnessMemos(leaving context.Context, c *cache.Cache, db *pgxpool.Pool, thresholds Thresholds, options ...Option) *SoundnessMemos {
	// On a large ledger, and a machine with much else to do, they take longer than
	// the panels of the home page.
	spec := func(name string, window, timeout time.Duration) cache.Spec {
		return cache.Spec{Name: name, Window: window, Timeout: timeout, Tags: []string{"economy"}}
	}
	m, holders, exact := &SoundnessMemos{}, &holderShare{}, sourceOf(db, options).exact
	night := cache.Spec{Name: "health.night", Window: day, Timeout: nightLasts + nightEach + time.Minute}
	m.Night = cache.NewMemo(c, night, func(ctx context.Context, _ cache.Window, _ NoParams) (*Night, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(leaving, cancel)()
		return ComputeNight(ctx, db, exact)
	})
	m.Soundness = cache.NewMemo(c, spec("health.soundness", soundWindow, soundWindow), tallying(exact, holders, func(ctx context.Context, w cache.Window, _ NoParams) (*Soundness, error) {
		var earlier earlier
		if res, err := m.Soundness.Load(ctx, NoParams{}); err == nil {
			earlier.books = res.Value.Books
		}
		if res, err := m.Night.Load(ctx, NoParams{}); err == nil {
			earlier.night = res.Value
		}
		return computeSoundness(ctx, db, w, thresholds, earlier)
	})).Prewarm(NoParams{})
	m.Cohorts = cache.NewMemo(c, spec("health.cohorts", time.Hour, soundWindow), tallying(exact, holders, on(always(db), ComputeCohorts))).Prewarm(NoParams{})
	m.Cache = cache.NewMemo(c, spec("health.cache", soundWindow, 0), func(_ context.Context, w cache.Window, _ NoParams) (*CacheState, error) {
		return readCacheState(c, w), nil
	})
	m.Followed = cache.NewMemo(c, spec("health.followed", followedWindow, 0), on(always(db), ComputeFollowed))
	return m
}

// earlier is what is known of the books from earlier readings.
type earlier struct {
	books Books
	night *Night // nil: none was made yet
}

// Soundness is whether the money is sound: signs with their thresholds, the books,
// and the last 90 days by week and by day.
type Soundness struct {
	Basis
	Signs []Sign `json:"signs" nullable:"false"`
	Books Books  `json:"books"`

	Changes []SignChange `json:"changes" nullable:"false" doc:"Of the signs' states, by week."`

	// What the signs' words say besides.
	Newest        time.Time       `json:"newest" doc:"The latest posting, as far as it is before the period's end."`
	Supply        SupplyAccount   `json:"supply" doc:"Of the last 30 days."`
	GoodsVelocity Number[float64] `json:"goodsVelocity" doc:"Of the last 30 days."`
	Holders       int64           `json:"holders" doc:"Of accounts that are not issuers, not archived, and were ever used."`
	PricedItems   int64           `json:"pricedItems" doc:"Different items that the price index of 30 days compares."`
	PriceCoverage *float64        `json:"priceCoverage" nullable:"true" doc:"The share of turnover that is of these items; null where nothing was sold."`
	Unexplained   ledger.Sum      `json:"unexplained" doc:"Of the change in supply of 30 days, what no source created or destroyed: 0 if the books are right."`
	Observed      ledger.Sum      `json:"observed" doc:"Of what came into the supply of 30 days and left it, what is known from observed balances alone."`
	Leader        string          `json:"leader" doc:"The item with the largest value of sales; empty if nothing was sold."`
	Purse         ledger.Sum      `json:"purse" doc:"What the accounts of the government hold, issuers left out."`
	PurseBefore   *ledger.Sum     `json:"purseBefore" nullable:"true" doc:"30 days earlier; null where the ledger does not reach back."`

	Weeks     []Week        `json:"weeks" nullable:"false" doc:"From Monday, oldest first."`
	Created   []SourceWeeks `json:"created" nullable:"false" doc:"By source: the largest ones, and the others together."`
	Destroyed []SourceWeeks `json:"destroyed" nullable:"false"`
	Days      []SoundDay    `json:"days" nullable:"false" doc:"Oldest first, from the ledger's first day on."`
}

// A Week is the week that begins on a Monday.
type Week struct {
	Start   time.Time `json:"start"`
	Partial bool      `json:"partial" doc:"It is not over, or the period or the ledger begins within it."`
}

// SourceWeeks is what one source created or destroyed, by week.
type SourceWeeks struct {
	Source  string       `json:"source" doc:"Empty: several, which are not listed."`
	Sources int          `json:"sources" doc:"How many they are."`
	Weeks   []ledger.Sum `json:"weeks" nullable:"false"`
}

// A SoundDay is one day of the holders and of the supply.
type SoundDay struct {
	Day    time.Time  `json:"day"`
	Supply ledger.Sum `json:"supply" doc:"At its end."`
	Active int64      `json:"active" doc:"Holders with a posting on it."`
	New    int64      `json:"new" doc:"Of them, those whose first posting it is."`
}

const (
	signDays  = 30 // that a sign describes
	rangeDays = 90 // of which the range of a sign is
	weeksOf   = 13 // that are drawn
)

// ComputeSoundness reads the signs and the books without what is known of earlier
// readings.
func ComputeSoundness(ctx context.Context, db *pgxpool.Pool, w cache.Window, thresholds Thresholds) (*Soundness, error) {
	return computeSoundness(ctx, db, w, thresholds, earlier{})
}

func computeSoundness(ctx context.Context, db *pgxpool.Pool, w cache.Window, thresholds Thresholds, known earlier) (*Soundness, error) {
	v := &Soundness{Signs: []Sign{}, Changes: []SignChange{}, Weeks: []Week{}, Created: []SourceWeeks{}, Destroyed: []SourceWeeks{}, Days: []SoundDay{}}
	v.Books = newBooks(known.night)
	// Beside the signs, in a transaction of its own: a sample that takes too long is
	// given up, and the signs are shown all the same.
	sampling, cancel := context.WithCancel(ctx)
	defer cancel()
	var sample *ledger.SampleReport
	sampled := alongside(func() { sample, _ = readSample(sampling, db, w, known.books) })
	err := v.read(ctx, db, w, rangeDays, func(ctx context.Context, tx pgx.Tx, s span) error {
		r, err := readSigns(ctx, db, tx, s)
		if err != nil {
			return err
		}
		v.fill(r)
		v.Signs, v.Changes = judge(r, thresholds)
		if err := v.weeks(ctx, tx, s); err != nil {
			return err
		}
		return v.Books.checkSums(ctx, tx, r.health.Supply)
	})
	if err != nil {
		cancel()
	}
	sampled()
	switch {
	case err != nil:
		return nil, fmt.Errorf("soundness: %w", err)
	case v.Why == "":
		v.Books.checkSample(sample, known.books)
	}
	v.Books.conclude()
	return v, nil
}

func (v *Soundness) fill(r *signReading) {
	v.Newest, v.Supply, v.GoodsVelocity, v.Holders = r.newest, r.health.Supply, r.health.GoodsVelocity, r.health.Holders
	v.PricedItems, v.PriceCoverage = r.indexes[0].Items, r.indexes[0].Coverage
	v.Unexplained, v.Observed = r.bridges[0].unexplained, r.bridges[0].observed
	v.Leader = r.market.leader
	v.Purse = r.purse(r.last)
	if r.reaches(signDays) {
		before := r.purse(r.last - signDays)
		v.PurseBefore = &before
	}
	for i := max(r.last-rangeDays+1, r.first); i <= r.last; i++ {
		v.Days = append(v.Days, SoundDay{Day: plus(r.long.Start, i), Supply: r.daily.supply(i), Active: r.active[i], New: r.joined[i]})
	}
}

// weeks fills what was created and destroyed by week and source.
func (v *Soundness) weeks(ctx context.Context, tx pgx.Tx, s span) error {
	s.Start = s.day(units[0].start(dateOf(plus(s.Today, -7*(weeksOf-1)))))
	s.Start = latest(s.Start, s.day(units[0].start(dateOf(s.First))))
	_, all := s.divide(1)
	if s.days() == 1 { // a ledger that began on this Monday
		all[0].start = s.Start
	}
	for _, b := range all {
		v.Weeks = append(v.Weeks, Week{Start: b.start, Partial: b.partial || b.start.Before(s.First)})
	}
	const query = `
		WITH flows AS (
			SELECT source, width_bucket(hour, @weeks::timestamptz[]) AS week,
				coalesce(sum(volume) FILTER (WHERE from_issuer), 0) AS created, coalesce(sum(volume) FILTER (WHERE to_issuer), 0) AS destroyed
			FROM flow_hours WHERE hour >= @start AND hour < @through AND from_issuer <> to_issuer
			GROUP BY 1, 2
		), sources AS (
			SELECT source,
				row_number() OVER (ORDER BY sum(created) DESC, source COLLATE "C") <= @most
					OR row_number() OVER (ORDER BY sum(destroyed) DESC, source COLLATE "C") <= @most AS largest,
				count(nullif(sum(created), 0)) OVER () AS creating, count(nullif(sum(destroyed), 0)) OVER () AS destroying
			FROM flows GROUP BY source)
		SELECT CASE WHEN largest THEN source ELSE '' END, week, sum(created), sum(destroyed), min(creating), min(destroying)
		FROM flows JOIN sources USING (source) GROUP BY 1, 2`
	args := s.args()
	args["most"] = sourcesDrawn + 1
	starts := make([]time.Time, len(all))
	for i, b := range all {
		starts[i] = b.start
	}
	args["weeks"] = starts
	rows, _ := tx.Query(ctx, query, args)
	created, destroyed := bySource{weeks: len(all)}, bySource{weeks: len(all)}
	var source string
	var week int
	var in, out ledger.Sum
	_, err := pgx.ForEachRow(rows, []any{&source, &week, &in, &out, &created.sources, &destroyed.sources}, func() error {
		created.add(source, week-1, in)
		destroyed.add(source, week-1, out)
		return nil
	})
	if err != nil {
		return fmt.Errorf("created and destroyed by week: %w", err)
	}
	v.Created, v.Destroyed = created.largest(), destroyed.largest()
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
