package cache_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"exchequer/cache"
)

// A brittle value panics on its way into JSON, or back.
type brittle struct{ N int }

func (b brittle) MarshalJSON() ([]byte, error) {
	if b.N == 2 {
		panic("two")
	}
	return []byte(strconv.Itoa(b.N)), nil
}

func (b *brittle) UnmarshalJSON(data []byte) error {
	if string(data) == "3" {
		panic("three")
	}
	var err error
	b.N, err = strconv.Atoi(string(data))
	return err
}

func TestAPanicInAValuesOwnJSONIsAFailureOfItsKey(t *testing.T) {
	store := cache.NewMemory()
	declare := func() *cache.Memo[Item, brittle] {
		return cache.NewMemo(open(t, cache.Deps{Store: store}), cache.Spec{Name: "brittle", Window: time.Hour},
			func(_ context.Context, _ cache.Window, i Item) (brittle, error) {
				n, err := strconv.Atoi(string(i))
				return brittle{n}, err
			})
	}
	m := declare()
	if _, err := m.Get(t.Context(), "2"); err == nil || !strings.Contains(err.Error(), "panicked: two") {
		t.Errorf("Get() of what panics when it is written = %v", err)
	}
	get(t, m, "3")
	if r := get(t, declare(), "3"); r.Value.N != 3 { // computed, since it cannot be read
		t.Errorf("Get() of what panics when it is read = %v", r.Value)
	}
	if r := get(t, m, "1"); r.Value.N != 1 {
		t.Errorf("Get() of another key = %v", r.Value)
	}
}

// fixed is a store with the same blob for each key.
type fixed struct {
	*cache.Memory
	blob []byte
}

func (f *fixed) Load(context.Context, string) ([]byte, error) { return f.blob, nil }

func TestABlobThatCannotBeReadIsAMissAndCostsLittle(t *testing.T) {
	encoder, _ := zstd.NewWriter(nil)
	now := time.Now().UTC()
	header := fmt.Sprintf(`{"window":%q,"windowEnd":%q,"computedAt":%[1]q,"softUntil":%[2]q,"hardUntil":%[2]q`, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
	compressed := func(value []byte) []byte { return append([]byte(header+`,"zstd":true}`+"\n"), value...) }
	plain := func(value string) []byte { return []byte(header + "}\n" + value) }
	for name, blob := range map[string][]byte{
		"empty":                        {},
		"no header":                    []byte("\n7"),
		"no value":                     []byte(header + "}"),
		"a null":                       []byte("null"),
		"a value of another type":      plain(`"x"`),
		"a value that ends early":      plain(`[1,2`),
		"a value and more":             plain(`7 8`),
		"a header of another type":     []byte("[]\n7"),
		"a header as deep as it goes":  []byte(strings.Repeat(`{"window":`, 200_000)),
		"a value as deep as it goes":   plain(strings.Repeat("[", 1_000_000)),
		"a gigabyte of zeros, packed":  compressed(encoder.EncodeAll(make([]byte, 1<<30), nil)),
		"200 MB of text, packed":       compressed(encoder.EncodeAll([]byte(`"`+strings.Repeat(" ", 200<<20)+`"`), nil)),
		"what is not packed at all":    compressed([]byte("7")),
		"garbage that begins like it":  compressed(bytes.Repeat([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xff}, 100)),
		"larger than any that we make": bytes.Repeat([]byte("x"), 9<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var s source
			m := s.memo(open(t, cache.Deps{Store: &fixed{cache.NewMemory(), blob}}))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			wantResult(t, get(t, m, One{}), 1, cache.Fresh, "as if there were none")
			runtime.ReadMemStats(&after)
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 64 {
				t.Errorf("reading it took %d MB", took)
			}
		})
	}
}

// A sample has a field of each kind that panels have.
type sample struct {
	Name   string             `json:"name"`
	Count  int64              `json:"count"`
	Share  *float64           `json:"share"`
	At     time.Time          `json:"at,omitzero"`
	Flags  [3]bool            `json:"flags"`
	Rows   []sampleRow        `json:"rows"`
	Totals map[string]int     `json:"totals"`
	Nested *sample            `json:"nested"`
	Bytes  []byte             `json:"bytes"`
	Ratios map[string]float64 `json:"ratios"`
}

type sampleRow struct {
	Label string `json:"label"`
	Small uint8  `json:"small"`
}

// Whatever the shared level has of a key, its reader gets a value, and the
// process goes on.
func FuzzABlobIsReadOrIsAMiss(f *testing.F) {
	now := time.Now().UTC().Truncate(time.Second)
	header := fmt.Sprintf(`{"window":%q,"windowEnd":%q,"computedAt":%[1]q,"softUntil":%[2]q,"hardUntil":%[2]q}`, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
	for _, value := range []string{
		`{"name":"a","count":7,"share":0.5,"at":"2026-01-02T03:04:05Z","flags":[true,false,true],"rows":[{"label":"x","small":255}],"totals":{"a":1},"nested":{"name":"b"},"bytes":"AAEC","ratios":{"x":1e-9}}`,
		`{"rows":[{},{},{"label":"\ud83d\ude00\u0000"}],"nested":{"nested":{"nested":null}}}`, `{"flags":[1,2,3,4,5]}`, `{"small":256}`, `[]`, `{"a`, `{"count":9223372036854775808}`,
	} {
		f.Add(header, value)
	}
	f.Fuzz(func(t *testing.T, header, value string) {
		c := cache.New(cache.Deps{Store: &fixed{cache.NewMemory(), []byte(header + "\n" + value)}})
		m := cache.NewMemo(c, cache.Spec{Name: "sample", Window: time.Hour},
			func(context.Context, cache.Window, One) (*sample, error) { return &sample{Name: "computed"}, nil })
		r, err := m.Get(context.Background(), One{})
		if err == nil {
			_ = fmt.Sprintf("%+v", r.Value) // all of it can be looked at
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
