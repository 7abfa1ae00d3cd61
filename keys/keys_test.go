package keys_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"exchequer/internal/testkit"
	"exchequer/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAKeyServesUntilItIsRevoked(t *testing.T) {
	db := testkit.Postgres(t)
	store := keys.NewStore(db)
	if _, err := store.Find(t.Context(), "exq_aaaaaaaaaa_b"); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("Find before there are keys = %v", err)
	}
	key, err := keys.Create(t.Context(), db, "server", []keys.Scope{keys.Sales, keys.Transactions, keys.Sales}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// It is known at once, although the keys were read a moment ago.
	got, err := store.Find(t.Context(), key)
	if err != nil || got.Name != "server" || fmt.Sprint(got.Scopes) != "[sales transactions]" || got.Allows(keys.Read) || !got.Allows(keys.Sales) {
		t.Fatalf("Find = %+v, %v", got, err)
	}
	for _, wrong := range []string{"", key + "x", key[:len(key)-1], strings.ToUpper(key), "exq_" + got.ID + "_", key[:14], "Bearer " + key, "exq__", "exq_" + strings.Repeat("a", 10_000)} {
		if _, err := store.Find(t.Context(), wrong); !errors.Is(err, keys.ErrUnknown) {
			t.Errorf("Find(%.40q) = %v", wrong, err)
		}
	}
	var kept string
	if err := db.QueryRow(t.Context(), `SELECT k::text FROM keys k`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if secret := key[strings.LastIndex(key, "_")+1:]; len(secret) < 26 || strings.Contains(kept, secret) {
		t.Errorf("of a key with the secret of %d characters the database has %s", len(secret), kept)
	}
	if _, err := keys.Revoke(t.Context(), db, got.ID); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for {
		_, err := store.Find(t.Context(), key)
		if errors.Is(err, keys.ErrUnknown) {
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatalf("5 s after it was revoked, Find = %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	all, err := keys.List(t.Context(), db)
	if err != nil || len(all) != 1 || all[0].Revoked == nil || all[0].Used == nil || all[0].Used.Minute() != 0 {
		t.Errorf("List = %+v, %v", all, err)
	}
	if _, err := keys.Revoke(t.Context(), db, "nobody"); err == nil {
		t.Error("a key that is not there was revoked")
	}
}

func TestAKeyExpires(t *testing.T) {
	db := testkit.Postgres(t)
	soon := time.Now().Add(300 * time.Millisecond)
	key, err := keys.Create(t.Context(), db, "visitor", []keys.Scope{keys.Read}, &soon)
	if err != nil {
		t.Fatal(err)
	}
	store := keys.NewStore(db)
	if _, err := store.Find(t.Context(), key); err != nil {
		t.Errorf("Find = %v", err)
	}
	time.Sleep(time.Until(soon))
	if _, err := store.Find(t.Context(), key); !errors.Is(err, keys.ErrExpired) {
		t.Errorf("Find of an expired key = %v", err)
	}
}

func TestKeysThatMakeNoSenseAreNotMade(t *testing.T) {
	db := testkit.Postgres(t)
	past := time.Now().Add(-time.Second)
	for want, make := range map[string]func() (string, error){
		"needs a scope": func() (string, error) { return keys.Create(t.Context(), db, "a", nil, nil) },
		`"all" is no`:   func() (string, error) { return keys.Create(t.Context(), db, "a", []keys.Scope{"all"}, nil) },
		"have expired":  func() (string, error) { return keys.Create(t.Context(), db, "a", keys.Scopes(), &past) },
		"printable":     func() (string, error) { return keys.Create(t.Context(), db, "a\nb", keys.Scopes(), nil) },
	} {
		if key, err := make(); err == nil || key != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("Create = %q, %v, want %s", key, err, want)
		}
	}
}

func TestAKeyOfAnIDIsMadeOnce(t *testing.T) {
	db := testkit.Postgres(t)
	id := keys.NewID()
	key, err := keys.CreateAs(t.Context(), db, id, "server", []keys.Scope{keys.Read}, nil)
	if err != nil || !strings.HasPrefix(key, "exq_"+id+"_") {
		t.Fatalf("CreateAs = %q, %v", key, err)
	}
	if again, err := keys.CreateAs(t.Context(), db, id, "server", []keys.Scope{keys.Read}, nil); !errors.Is(err, keys.ErrTaken) || again != "" {
		t.Errorf("CreateAs again = %q, %v", again, err)
	}
	for _, wrong := range []string{"", "short", "UPPERCASES", "with space", "abcdefghijk"} {
		if _, err := keys.CreateAs(t.Context(), db, wrong, "server", []keys.Scope{keys.Read}, nil); err == nil {
			t.Errorf("a key with the id %q was made", wrong)
		}
	}
	if _, err := keys.NewStore(db).Find(t.Context(), key); err != nil {
		t.Error(err)
	}
}

func TestKeysAreListedInParts(t *testing.T) {
	db := testkit.Postgres(t)
	for range 5 {
		if _, err := keys.Create(t.Context(), db, "server", []keys.Scope{keys.Read}, nil); err != nil {
			t.Fatal(err)
		}
	}
	seen, older := map[string]bool{}, ""
	for range 3 {
		part, err := keys.Page(t.Context(), db, older, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range part {
			seen[k.ID], older = true, k.ID
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d keys in all parts, want 5", len(seen))
	}
	if k, known, err := keys.Find(t.Context(), db, older); err != nil || !known || k.ID != older {
		t.Errorf("Find = %+v, %t, %v", k, known, err)
	}
	if _, known, err := keys.Find(t.Context(), db, "nothing"); err != nil || known {
		t.Errorf("Find of nothing = %t, %v", known, err)
	}
}

// Guessing keys costs the database no more than a few readings a second.
func TestGuessingIsBounded(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := keys.Create(t.Context(), db, "server", keys.Scopes(), nil); err != nil {
		t.Fatal(err)
	}
	store := keys.NewStore(db)
	start := time.Now()
	before := db.Stat().AcquireCount()
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if _, err := store.Find(t.Context(), fmt.Sprintf("exq_%010d_secret", i)); !errors.Is(err, keys.ErrUnknown) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, most := db.Stat().AcquireCount()-before, 3+int64(time.Since(start)/(200*time.Millisecond)); n > most {
		t.Errorf("300 guesses in %s made %d queries, want %d at most", time.Since(start), n, most)
	}
}

func TestWithoutTheDatabaseAKeyIsSoonUnknown(t *testing.T) {
	db := testkit.Postgres(t)
	key, err := keys.Create(t.Context(), db, "server", keys.Scopes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	store := keys.NewStore(db)
	if _, err := store.Find(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := store.Find(t.Context(), key); err != nil {
		t.Errorf("Find at once = %v", err)
	}
	time.Sleep(keys.Remembered)
	if _, err := store.Find(t.Context(), key); err == nil || errors.Is(err, keys.ErrUnknown) {
		t.Errorf("Find later = %v, want that the keys cannot be read", err)
	}
}
