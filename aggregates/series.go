package aggregates

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A SeriesKind is what a series is a course of.
type SeriesKind string

// The kinds of series. Those of the economy have no ref.
const (
	SeriesSupply  SeriesKind = "supply"  // all money
	SeriesHolders SeriesKind = "holders" // how many hold it
	SeriesGini    SeriesKind = "gini"
	SeriesTop10   SeriesKind = "top10"   // the share of the richest tenth
	SeriesPrice   SeriesKind = "item"    // what a piece of an item was sold for
	SeriesSold    SeriesKind = "sold"    // the value of an item's sales
	SeriesSource  SeriesKind = "source"  // what moved by a source
	SeriesBalance SeriesKind = "account" // what an account holds
)

// SeriesKinds returns all kinds, those without a ref first.
func SeriesKinds() []SeriesKind {
	return []SeriesKind{SeriesSupply, SeriesHolders, SeriesGini, SeriesTop10, SeriesPrice, SeriesSold, SeriesSource, SeriesBalance}
}

// HasRef reports whether a series of the kind is that of a thing.
func (k SeriesKind) HasRef() bool {
	return k == SeriesPrice || k == SeriesSold || k == SeriesSource || k == SeriesBalance
}

// ofPopulation reports whether a series of the kind is that of a population.
func (k SeriesKind) ofPopulation() bool {
	return k == SeriesHolders || k == SeriesGini || k == SeriesTop10
}

// A SeriesRef names a series in addresses.
type SeriesRef struct {
	Kind SeriesKind
	Ref  string // of an item, source or account
}

// MostSeries is how many series are compared at most.
const MostSeries = 6

var listEscapes = strings.NewReplacer("%", "%25", "~", "%7E")

// String returns "supply" or "item:minecraft:diamond". A percent sign and a tilde
// of the ref are escaped.
func (r SeriesRef) String() string {
	if !r.Kind.HasRef() {
		return string(r.Kind)
	}
	return string(r.Kind) + ":" + listEscapes.Replace(r.Ref)
}

// JoinSeries returns the text that [ParseSeries] reads: "supply~item:diamond".
func JoinSeries(refs []SeriesRef) string {
	texts := make([]string, len(refs))
	for i, r := range refs {
		texts[i] = r.String()
	}
	return strings.Join(texts, "~")
}

// ParseSeries returns the series of a text, each once, in its order. Of more than
// [MostSeries] it returns one more than that, so that the caller knows. What cannot
// be a series is left out.
func ParseSeries(text string) []SeriesRef {
	var refs []SeriesRef
	for part := range strings.SplitSeq(text, "~") {
		if r, ok := parseSeries(part); ok && !slices.Contains(refs, r) {
			if refs = append(refs, r); len(refs) > MostSeries {
				break
			}
		}
	}
	return refs
}

// AreSeries reports whether each part of a text can be a series.
func AreSeries(text string) bool {
	for part := range strings.SplitSeq(text, "~") {
		if _, ok := parseSeries(part); !ok && part != "" {
			return false
		}
	}
	return true
}

func parseSeries(text string) (SeriesRef, bool) {
	kind, ref, _ := strings.Cut(text, ":")
	r := SeriesRef{Kind: SeriesKind(kind)}
	if !slices.Contains(SeriesKinds(), r.Kind) {
		return r, false
	}
	if !r.Kind.HasRef() {
		return r, true
	}
	var ok bool
	r.Ref, ok = listedRef(ref)
	return r, ok
}

// listedRef returns a ref of a list in an address, unescaped, and reports whether it
// can be one.
func listedRef(text string) (ref string, ok bool) {
	ref = text
	if unescaped, err := url.PathUnescape(text); err == nil {
		ref = unescaped
	}
	return ref, ref != "" && len(ref) <= longestRef && utf8.ValidString(ref) && !strings.ContainsRune(ref, 0)
}

// A SeriesQuery selects a series and a period. Each is a key, so the caller checks
// first that its item, source or account exists, see [Exists].
type SeriesQuery struct {
	SeriesRef
	Population Population // of series of a population; else the first one
	Days       Days
}

// NewSeriesQuery returns the query of a series. Series that are not of a population
// have one query for all populations.
func NewSeriesQuery(r SeriesRef, p Population, days Days) SeriesQuery {
	if !r.Kind.ofPopulation() {
		p = Populations()[0]
	}
	return SeriesQuery{r, p, days}
}

// Key is "item:minecraft%3Adiamond:personal:30". The ref is escaped, so it contains
// no colon.
func (q SeriesQuery) Key() string {
	return string(q.Kind) + ":" + url.QueryEscape(q.Ref) + ":" + q.Population.Key() + ":" + q.Days.Key()
}

// A Series is the course of one number over the days of a period that are over,
// from the ledger's first day on.
type Series struct {
	SeriesRef
	ID   string // of the item, source or account; that into which the account is merged
	Name string // of the item, source or account
	Basis
	Population Population // whose it is
	Bucket     string
	Points     []SeriesPoint
}

// A SeriesPoint is a number of some days: the state at the end of the last one, the
// mean price of what was sold on them, or what moved on a day of them on average.
type SeriesPoint struct {
	Start time.Time // of the day, week (from Monday), month, year or decade
	Day   time.Time // the last of its days that is part of the period
	Value *float64  // nil: not available
}

// whole returns the days of s that are over, from the ledger's first one on, and
// reports whether there are any.
func (s span) whole() (span, bool) {
	if !s.Historical {
		s.End, s.Through = s.Today.UTC(), s.Today.UTC()
		s.Today = plus(s.Today, -1)
	}
	if s.First.After(s.Start) {
		s.Start = s.First
	}
	return s, !s.Today.Before(s.Start)
}
