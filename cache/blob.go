package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
)

// A blob is what the shared level holds of a key: the last known good value,
// if there is one, and what became of the attempts to replace it.
type blob struct {
	Schema     int             `json:"schema"`
	Window     time.Time       `json:"window"` // its start
	WindowEnd  time.Time       `json:"windowEnd"`
	Generation int64           `json:"generation"`
	ComputedAt time.Time       `json:"computedAt"`
	Took       time.Duration   `json:"took"`
	Lag        time.Duration   `json:"lag"`
	SoftUntil  time.Time       `json:"softUntil"`
	HardUntil  time.Time       `json:"hardUntil"`
	Failures   int             `json:"failures,omitempty"` // in a row, since ComputedAt
	RetryAt    time.Time       `json:"retryAt,omitzero"`
	Reason     string          `json:"reason,omitempty"`
	Value      json.RawMessage `json:"value,omitempty"` // absent when no attempt succeeded yet
}

const (
	blobSchema   = 1
	compressOver = 2 << 10
	valueLimit   = 4 << 20 // of a value's JSON
)

// generationSlack is how far a generation may be ahead of the clock: by more
// than a clock that was set back, and less than would make every invalidation
// of the next days come too late.
const generationSlack = 24 * time.Hour

// blobSlack is the same for the generation of a blob, above all that are known.
const blobSlack = 5 * time.Second

var errFuture = errors.New("its generation is of the future")

// within returns a blob as the policy allows it to be. Whoever may write to the
// shared level must not be able to have a value shown for longer, nor to put it
// beyond the reach of an invalidation. Newest is the newest generation known.
func (b blob) within(p Policy, now time.Time, newest int64) (blob, error) {
	if b.Generation > max(newest, now.Add(blobSlack).UnixMicro()) {
		return b, errFuture
	}
	earlier := func(t, limit time.Time) time.Time {
		if t.After(limit) {
			return limit
		}
		return t
	}
	b.WindowEnd = b.Window.Add(p.Window)
	b.HardUntil = earlier(b.HardUntil, b.Window.Add(p.Hard))
	if b.RetryAt.After(longest(now)) {
		b.RetryAt = time.Time{}
	}
	limit := b.Window.Add(p.Soft)
	if extended := b.RetryAt.Add(extension(p)); b.Reason != "" && extended.After(limit) {
		limit = extended // by the failure that the reason tells of, which was before RetryAt
	}
	b.SoftUntil = earlier(b.SoftUntil, limit)
	b.ComputedAt = earlier(b.ComputedAt, now.Add(clockSlack))
	b.Took = max(b.Took, 0)
	b.Lag = min(max(b.Lag, 0), lagMost)
	b.Failures = max(b.Failures, 0)
	if b.Reason != "" && !slices.Contains(reasons, b.Reason) {
		b.Reason = reasonFailed // visitors read it
	}
	return b, nil
}

// A codec writes and reads blobs: JSON, by zstd when that is worth it. Each
// cache has its own, since a codec holds buffers.
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

func (c codec) encode(b blob) ([]byte, error) {
	if len(b.Value) > valueLimit {
		return nil, fmt.Errorf("encode blob: %w: %d bytes", errTooLarge, len(b.Value))
	}
	b.Schema = blobSchema
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode blob: %w", err)
	}
	if len(data) > compressOver {
		data = c.enc.EncodeAll(data, nil)
	}
	return data, nil
}

// decode is the inverse. JSON begins with a brace, which zstd never does.
func (c codec) decode(data []byte) (blob, error) {
	var b blob
	var err error
	if len(data) > 2*valueLimit {
		return b, fmt.Errorf("decode blob: %w: %d bytes", errTooLarge, len(data))
	}
	if len(data) > 0 && data[0] != '{' {
		if data, err = c.dec.DecodeAll(data, nil); err != nil {
			return b, fmt.Errorf("decode blob: %w", err)
		}
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return b, fmt.Errorf("decode blob: %w", err)
	}
	if b.Schema != blobSchema {
		return b, fmt.Errorf("decode blob: schema %d, want %d", b.Schema, blobSchema)
	}
	return b, nil
}
