package cache_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"exchequer/cache"
)

// A brittle value panics when it is encoded or decoded.
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
	if r := get(t, declare(), "3"); r.Value.N != 3 { // computed, since the blob cannot be read
		t.Errorf("Get() of what panics when it is read = %v", r.Value)
	}
	if r := get(t, m, "1"); r.Value.N != 1 {
		t.Errorf("Get() of another key = %v", r.Value)
	}
}

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
		"a null in spaces":             plain(" null\t"),
		"a value of another type":      plain(`"x"`),
		"a value that ends early":      plain(`[1,2`),
		"a value and more":             plain(`7 8`),
		"a header of another type":     []byte("[]\n7"),
		"a header as deep as it goes":  []byte(strings.Repeat(`{"window":`, 200_000)),
		"a value as deep as it goes":   plain(strings.Repeat("[", 1_000_000)),
		"128 MB of zeros, packed":      compressed(encoder.EncodeAll(make([]byte, 128<<20), nil)),
		"128 MB of text, packed":       compressed(encoder.EncodeAll([]byte(`"`+strings.Repeat(" ", 128<<20)+`"`), nil)),
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

// A reader gets a value, and the process goes on, whatever the shared level has.
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
			_ = fmt.Sprintf("%+v", r.Value) // all of it can be read
		}
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// forge publishes a blob for the key of a memo, with some fields changed.
func forge(t *testing.T, c *cache.Cache, store cache.Store, memo, value string, changes map[string]any) {
	t.Helper()
	status, err := c.Status(t.Context(), memo, "")
	if err != nil {
		t.Fatal(err)
	}
	start := cache.WindowAt(time.Now(), window).Start
	blob := map[string]any{
		"window": start, "windowEnd": start.Add(window), "generation": 1,
		"computedAt": time.Now(), "took": 1, "lag": time.Second, "softUntil": start.Add(window),
		"hardUntil": start.Add(time.Hour),
	}
	for name, value := range changes {
		blob[name] = value
	}
	text, err := json.Marshal(blob)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Append(text, "\n", value)
	if won, err := store.Lock(t.Context(), status.StoreKey, "forger", time.Second); err != nil || !won {
		t.Fatalf("Lock() = %t, %v", won, err)
	}
	p := cache.Publication{Key: status.StoreKey, Owner: "forger", Window: start.UnixNano(), Generation: 1, Blob: text, Keep: time.Hour}
	if done, err := store.Publish(t.Context(), p); err != nil || !done {
		t.Fatalf("Publish() = %t, %v", done, err)
	}
	if err := store.Unlock(t.Context(), status.StoreKey, "forger"); err != nil {
		t.Fatal(err)
	}
}

func TestABlobIsFreshNoLongerThanThePolicyAllows(t *testing.T) {
	ever := time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, changes := range map[string]map[string]any{
		"fresh for a century":             {"softUntil": ever, "hardUntil": ever},
		"of a window that does not end":   {"softUntil": ever, "hardUntil": ever, "windowEnd": ever},
		"computed in the far future":      {"softUntil": ever, "computedAt": ever},
		"of a generation of next week":    {"softUntil": ever, "generation": time.Date(2000, 1, 8, 0, 0, 0, 0, time.UTC).UnixMicro()},
		"beyond the reach of any number":  {"softUntil": ever, "hardUntil": ever, "generation": int64(9_000_000_000_000_000_000)},
		"negative counts":                 {"softUntil": ever, "failures": -7, "took": -1, "lag": -time.Hour, "reason": "x"},
		"a reason that visitors may read": {"softUntil": ever, "reason": "send your coins to the forger", "retryAt": ever, "failures": 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var s source
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				forge(t, c, store, "number", "666", changes)
				if r := get(t, m, One{}); strings.Contains(r.Reason, "coins") || r.Lag < 0 || r.Lag > 5*time.Second || r.Next.After(time.Now().Add(window)) {
					t.Errorf("a reader is given %+v", r)
				}
				if err := c.Invalidate(t.Context(), cache.Hard, cache.Tag("ledger")); err != nil {
					t.Fatal(err)
				}
				if r := get(t, m, One{}); r.Value == 666 {
					t.Error("after a hard invalidation the forged value is shown")
				}
			})
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var s source
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				forge(t, c, store, "number", "666", changes)
				get(t, m, One{})
				boundary()
				get(t, m, One{})
				time.Sleep(time.Second)
				if r := get(t, m, One{}); r.Value == 666 || r.State != cache.Fresh {
					t.Errorf("a window later: %d %v, want a value of our own", r.Value, r.State)
				}
			})
		})
	}
}

func TestANullIsNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		c := open(t, cache.Deps{Store: store})
		type panel struct{ Total int }
		m := cache.NewMemo(c, cache.Spec{Name: "panel", Window: window},
			func(context.Context, cache.Window, One) (*panel, error) { return &panel{7}, nil })
		forge(t, c, store, "panel", "null", nil)
		if r := get(t, m, One{}); r.Value == nil || r.Value.Total != 7 {
			t.Errorf("a reader is given %v, want a value computed anew", r.Value)
		}
	})
}

func TestABlobThatCannotBeShownKeepsNoProducerRunning(t *testing.T) {
	past := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, changes := range map[string]map[string]any{
		"of a window that is none":   {"hardUntil": past, "windowShift": time.Second},
		"not to be shown any more":   {"hardUntil": past},
		"stale, and of the future":   {"softUntil": past, "generation": time.Date(2000, 1, 1, 0, 0, 4, 0, time.UTC).UnixMicro()},
		"a failure, and of the past": {"softUntil": past, "reason": "x", "failures": 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(2 * time.Second) // into a window
				store := cache.NewMemory()
				var s source
				s.set(10*time.Millisecond, nil, nil)
				c := open(t, cache.Deps{Store: store})
				m := s.memo(c)
				if shift, ok := changes["windowShift"].(time.Duration); ok {
					changes["window"] = cache.WindowAt(time.Now(), window).Start.Add(shift)
				}
				forge(t, c, store, "number", "666", changes)
				for range 200 {
					get(t, m, One{})
					time.Sleep(100 * time.Millisecond)
				}
				if r := get(t, m, One{}); r.Value == 666 {
					t.Error("the forged value is shown")
				}
				if runs := s.runs.Load(); runs > 2 {
					t.Errorf("the producer ran %d times within one window", runs)
				}
			})
		})
	}
}

func TestFailuresWithoutEndOnABlobEndNoProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := cache.NewMemory()
		var s source
		s.set(0, errDown, nil)
		c := open(t, cache.Deps{Store: store})
		m := s.memo(c)
		forge(t, c, store, "number", "666", map[string]any{"softUntil": time.Now(), "reason": "x", "failures": int64(math.MaxInt64)})
		for range 300 {
			m.Get(t.Context(), One{})
			time.Sleep(time.Second)
		}
		if n := s.runs.Load(); n < 2 {
			t.Errorf("the producer was tried %d times in five minutes", n)
		}
	})
}
