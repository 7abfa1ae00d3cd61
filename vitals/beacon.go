package vitals

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MostBytes is how long a beacon may be.
const MostBytes = 2 << 10

const (
	mostErrors  = 5 // of a beacon
	mostMessage = 200
	mostPlace   = 100
)

// A Beacon is what a browser measured of one view of a page. A measure is nil where there
// is none, as of interactions on a page that nobody touched.
type Beacon struct {
	Route      string   `json:"route"`
	Device     string   `json:"device"`     // phone or desktop
	Connection string   `json:"connection"` // slow or fast
	LCP        *float64 `json:"lcp"`        // largest contentful paint, ms
	INP        *float64 `json:"inp"`        // interaction to next paint, ms
	CLS        *float64 `json:"cls"`        // cumulative layout shift
	TTFB       *float64 `json:"ttfb"`       // time to the first byte, ms
	Errors     []Error  `json:"errors"`
}

// An Error is the failure of a script of ours.
type Error struct {
	Message string `json:"message"`
	Place   string `json:"place"` // file and line
}

// ErrBeacon means that a beacon is not one that our script sends.
var ErrBeacon = errors.New("not a beacon")

// Parse reads a beacon, strictly: nothing but our own script sends any. Numbers are
// clamped to what the scale has, and texts cut.
func Parse(body []byte) (*Beacon, error) {
	if len(body) > MostBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrBeacon, MostBytes)
	}
	var b Beacon
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBeacon, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: more than one value", ErrBeacon)
	}
	switch {
	case b.Device != "phone" && b.Device != "desktop":
		return nil, fmt.Errorf("%w: its device", ErrBeacon)
	case b.Connection != "slow" && b.Connection != "fast":
		return nil, fmt.Errorf("%w: its connection", ErrBeacon)
	case len(b.Errors) > mostErrors:
		return nil, fmt.Errorf("%w: more than %d failures", ErrBeacon, mostErrors)
	}
	for _, ms := range []*float64{b.LCP, b.INP, b.TTFB} {
		if ms != nil && !(*ms >= 0) {
			return nil, fmt.Errorf("%w: a time below 0", ErrBeacon)
		}
	}
	if b.CLS != nil && !(*b.CLS >= 0) {
		return nil, fmt.Errorf("%w: a shift below 0", ErrBeacon)
	}
	for i, e := range b.Errors {
		b.Errors[i] = Error{Message: plain(e.Message, mostMessage), Place: plain(e.Place, mostPlace)}
	}
	return &b, nil
}

// seconds returns a time of a beacon, 60 s at most.
func seconds(ms float64) float64 { return math.Min(ms/1000, 60) }

// plain returns a text of a browser without what does not print, in one line.
func plain(text string, most int) string {
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
