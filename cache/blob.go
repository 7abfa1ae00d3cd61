package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	gojson "github.com/goccy/go-json"
	"github.com/klauspost/compress/zstd"
)

// A blob is an entry at the shared level: a line of JSON with all but the value,
// followed by the value's JSON, if there is a value.
type blob struct {
	Window     time.Time     `json:"window"` // its start
	WindowEnd  time.Time     `json:"windowEnd"`
	Generation int64         `json:"generation"`
	ComputedAt time.Time     `json:"computedAt"`
	Took       time.Duration `json:"took"`
	Lag        time.Duration `json:"lag"`
	SoftUntil  time.Time     `json:"softUntil"`
	HardUntil  time.Time     `json:"hardUntil"`
	Failures   int           `json:"failures,omitempty"` // in a row, since ComputedAt
	RetryAt    time.Time     `json:"retryAt,omitzero"`
	Reason     string        `json:"reason,omitempty"`
	Memory     int           `json:"memory"`         // that the value takes, about
	Compressed bool          `json:"zstd,omitempty"` // whether the value is

	value []byte // its JSON; empty when no run succeeded yet
}

const (
	blobSchema      = 2        // part of each key, so that builds with another form of blob use other keys
	compressOver    = 32 << 10 // bytes of JSON; a smaller value is faster to transfer than to decompress
	valueLimit      = 4 << 20  // bytes of a value's JSON
	maxMemoryFactor = 64       // a value takes at most so many times its JSON: an empty struct in a list is two bytes
)

// generationSlack is how far a generation may be ahead of the clock. A clock may
// have been set back by less. A generation that is further ahead would hide all
// invalidations until its time.
const generationSlack = 24 * time.Hour

// soonSlack is the same for the generation of a blob that is above all known
// ones, and for that of a message, which the store may not know of.
const soonSlack = 5 * time.Second

// maxFailures bounds the failures that are counted.
const maxFailures = 1000

var (
	errFuture    = errors.New("its generation is of the future")
	errUnaligned = errors.New("its window is none")
)

// within returns the blob with its fields cut to what the policy allows. A
// program that can write to the shared level must not be able to have a value
// shown for longer, or to protect it from invalidation. Newest is the newest
// known generation. The error is errFuture or errUnaligned for a blob that
// cannot be cut so.
func (b blob) within(p Policy, now time.Time, newest int64) (blob, error) {
	if b.Generation > max(newest, now.Add(soonSlack).UnixMicro()) {
		return b, errFuture
	}
	if len(b.value) > 0 && !b.Window.Equal(WindowAt(b.Window, p.Window).Start) {
		return b, errUnaligned
	}
	earlier := func(t, limit time.Time) time.Time {
		if t.After(limit) {
			return limit
		}
		return t
	}
	b.WindowEnd = b.Window.Add(p.Window)
	b.HardUntil = earlier(b.HardUntil, b.Window.Add(p.Hard))
	if !now.Before(b.HardUntil) {
		b.value = nil
	}
	if b.RetryAt.After(latestRetry(now)) {
		b.RetryAt = time.Time{}
	}
	limit := b.Window.Add(p.Soft)
	if extended := b.RetryAt.Add(extension(p)); b.Reason != "" && extended.After(limit) {
		limit = extended // by the failure of the reason, which was before RetryAt
	}
	b.SoftUntil = earlier(b.SoftUntil, limit)
	b.ComputedAt = earlier(b.ComputedAt, now.Add(clockSlack))
	b.Took = max(b.Took, 0)
	b.Lag = min(max(b.Lag, 0), maxLag)
	b.Failures = min(max(b.Failures, 0), maxFailures)
	b.Memory = min(max(b.Memory, 0), maxMemoryFactor*len(b.value))
	if b.Reason != "" && !slices.Contains(reasons, b.Reason) {
		b.Reason = reasonFailed // visitors read it
	}
	return b, nil
}

// A codec encodes and decodes blobs. It is safe for concurrent use. Each cache
// has its own, since a codec holds buffers.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() codec {
	// The options are constant and valid, so that there is no error to handle.
	enc, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	dec, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(2*valueLimit))
	return codec{enc, dec}
}

// encode returns a blob as bytes. The error wraps errTooLarge for a large value.
func (c codec) encode(b blob) ([]byte, error) {
	if len(b.value) > valueLimit {
		return nil, fmt.Errorf("encode blob: %w: %d bytes", errTooLarge, len(b.value))
	}
	value := b.value
	if b.Compressed = len(value) > compressOver; b.Compressed {
		value = c.enc.EncodeAll(value, nil)
	}
	header, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode blob: %w", err)
	}
	return slices.Concat(header, []byte{'\n'}, value), nil
}

// decode is the inverse of encode. The error is that of malformed or too large
// data.
func (c codec) decode(data []byte) (blob, error) {
	var b blob
	if len(data) > 2*valueLimit {
		return b, fmt.Errorf("decode blob: %w: %d bytes", errTooLarge, len(data))
	}
	header, value, _ := bytes.Cut(data, []byte{'\n'})
	if err := gojson.Unmarshal(header, &b); err != nil {
		return b, fmt.Errorf("decode blob: %w", err)
	}
	b.value = value
	if b.Compressed {
		var err error
		if b.value, err = c.dec.DecodeAll(value, nil); err != nil {
			return b, fmt.Errorf("decode blob: %w", err)
		}
	}
	if string(bytes.TrimSpace(b.value)) == "null" {
		b.value = nil
	}
	return b, nil
}

// marshal returns a value's JSON. The error wraps errTooLarge for more than
// valueLimit, and errPanic when the value's own method panics.
func marshal[T any](value T) (data []byte, err error) {
	defer recovered(&err)
	data, err = json.Marshal(value)
	if err == nil && len(data) > valueLimit {
		err = fmt.Errorf("%w: %d bytes", errTooLarge, len(data))
	}
	if err != nil {
		return nil, fmt.Errorf("encode value: %w", err)
	}
	return data, nil
}

// unmarshal is the inverse of marshal. The library takes a fifth of the time of
// encoding/json, which would be most of the time of a hit at the shared level.
func unmarshal[T any](data []byte) (value T, err error) {
	defer recovered(&err)
	if err := gojson.Unmarshal(data, &value); err != nil {
		return value, fmt.Errorf("decode value: %w", err)
	}
	return value, nil
}

// recovered sets *err if the deferring function panics.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v\n%s", errPanic, r, debug.Stack())
	}
}
