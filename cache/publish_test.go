package cache_test

import (
	"bytes"
	"testing"
	"time"

	"exchequer/cache"
)

func TestAStoreKeepsTheNewerOfTwoBlobs(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			const key = "exchequer:{t:m}:s:publish"
			heard := make(chan cache.Message, 10)
			stop := store.Listen(func(m cache.Message) {
				if !m.Connected {
					heard <- m
				}
			})
			defer stop()
			time.Sleep(100 * time.Millisecond)
			if blob, err := store.Load(t.Context(), key); blob != nil || err != nil {
				t.Errorf("Load of nothing = %q, %v", blob, err)
			}
			publish := func(owner string, window, generation, readAt int64, blob string, want bool) {
				t.Helper()
				ok, err := store.Publish(t.Context(), cache.Publication{
					Key: key, Owner: owner, Window: window * int64(time.Second), Generation: generation, ReadAt: readAt * int64(time.Second), Blob: []byte(blob), Keep: time.Minute,
				})
				if ok != want || err != nil {
					t.Errorf("Publish %s by %s = %v, %v, want %v", blob, owner, ok, err, want)
				}
			}
			publish("me", 1, 1, 1, "without a lock", false)
			if ok, err := store.Lock(t.Context(), key, "me", time.Minute); !ok || err != nil {
				t.Fatalf("Lock = %v, %v", ok, err)
			}
			publish("another", 1, 1, 1, "with another's lock", false)
			publish("me", 2, 5, 2, "second window", true)
			publish("me", 1, 9, 3, "earlier window", false)
			publish("me", 2, 4, 3, "earlier generation", false)
			publish("me", 2, 5, 1, "an earlier reading", false)
			publish("", 2, 5, 2, "the same, restored", false)
			publish("me", 2, 5, 2, "the same again", true)
			publish("me", 3, 1, 1, string(large), true)
			if blob, err := store.Load(t.Context(), key); !bytes.Equal(blob, large) || err != nil {
				t.Errorf("Load = %d bytes, %v, want the %d published last", len(blob), err, len(large))
			}
			for range 3 {
				select {
				case m := <-heard:
					if m.Ready != key {
						t.Errorf("heard %v, want that the key is ready", m)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("did not hear that the key is ready")
				}
			}
			if at, err := store.Now(t.Context()); err != nil || time.Since(at).Abs() > 10*time.Second {
				t.Errorf("Now = %v, %v", at, err)
			}
			if r, ok := store.(*remote); ok && r.Err() != nil {
				t.Errorf("Redis was left aside: %v", r.Err())
			}
		})
	}
}
