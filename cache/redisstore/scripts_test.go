package redisstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// The tests run each script on a real server, and check its answer and the data
// afterwards.

type words []any

func TestEachScriptDoesWhatItsNameSays(t *testing.T) {
	server := testkit.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	soon, later := time.Now().Add(5*time.Second).UnixMicro(), time.Now().Add(time.Hour).UnixMicro()
	blob := func(window, generation int, text string) words {
		return words{"HSET", "blob", "window", window, "generation", generation, "read", 5, "blob", text}
	}
	cases := []struct {
		script, name string
		before       []words
		keys         []string
		args         words
		want         string
		after        map[string]string // command to answer
	}{
		{"lock", "a free one", nil, []string{"lock"}, words{"me", 4000}, "1", map[string]string{"GET lock": "me"}},
		{"lock", "another's", []words{{"SET", "lock", "you", "PX", 3000}}, []string{"lock"}, words{"me", 4000}, "0", map[string]string{"GET lock": "you"}},
		{"lock", "one's own, asked for again", []words{{"SET", "lock", "me", "PX", 3000}}, []string{"lock"}, words{"me", 4000}, "1", map[string]string{"GET lock": "me"}},
		{"lock", "one that does not run out", []words{{"SET", "lock", "you"}}, []string{"lock"}, words{"me", 4000}, "1", map[string]string{"GET lock": "me"}},
		{"lock", "one that runs out much later", []words{{"SET", "lock", "you", "EX", 3600}}, []string{"lock"}, words{"me", 4000}, "1", map[string]string{"GET lock": "me"}},
		{"lock", "what is no lock", []words{{"RPUSH", "lock", "you"}, {"PEXPIRE", "lock", 3000}}, []string{"lock"}, words{"me", 4000}, "1", map[string]string{"GET lock": "me"}},

		{"extend", "the owner's lease", []words{{"SET", "lock", "me", "PX", 1000}}, []string{"lock"}, words{"me", 90_000}, "1", map[string]string{"GET lock": "me"}},
		{"extend", "another's", []words{{"SET", "lock", "you", "PX", 1000}}, []string{"lock"}, words{"me", 90_000}, "0", map[string]string{"GET lock": "you"}},
		{"extend", "one that has run out", nil, []string{"lock"}, words{"me", 90_000}, "0", map[string]string{"EXISTS lock": "0"}},

		{"unlock", "one's own", []words{{"SET", "lock", "me"}}, []string{"lock"}, words{"me"}, "1", map[string]string{"EXISTS lock": "0"}},
		{"unlock", "another's", []words{{"SET", "lock", "you"}}, []string{"lock"}, words{"me"}, "0", map[string]string{"GET lock": "you"}},
		{"unlock", "none", nil, []string{"lock"}, words{"me"}, "0", nil},

		{"publish", "with the lock", []words{{"SET", "lock", "me"}}, []string{"blob", "lock"}, words{"me", 7, 3, 5, "new", 60_000, "c", "ready blob"}, "1",
			map[string]string{"HMGET blob window generation blob": "[7 3 new]", "GET lock": "me"}},
		{"publish", "without the lock", nil, []string{"blob", "lock"}, words{"me", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"EXISTS blob": "0"}},
		{"publish", "with another's lock", []words{{"SET", "lock", "you"}}, []string{"blob", "lock"}, words{"me", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"EXISTS blob": "0"}},
		{"publish", "given back, whoever has the lock", []words{{"SET", "lock", "you"}}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "over an earlier window", []words{blob(6, 9, "old")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "under a later window", []words{blob(8, 1, "old")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"HGET blob blob": "old"}},
		{"publish", "under a later generation", []words{blob(7, 4, "old")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"HGET blob blob": "old"}},
		{"publish", "under a later reading", []words{{"HSET", "blob", "window", 7, "generation", 3, "read", 6, "blob", "old"}, {"SET", "lock", "me"}}, []string{"blob", "lock"}, words{"me", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"HGET blob blob": "old"}},
		{"publish", "given back, and there already", []words{blob(7, 3, "with a failure since")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"HGET blob blob": "with a failure since"}},
		{"publish", "the same again", []words{blob(7, 3, "old"), {"SET", "lock", "me"}}, []string{"blob", "lock"}, words{"me", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "over a window that a wrong clock made", []words{blob(int(later), 4, "old")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "over what is no blob", []words{{"SET", "blob", "junk"}}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "over a window of words", []words{{"HSET", "blob", "window", "soon", "generation", "x", "blob", "junk"}}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "under a generation of the far future", []words{blob(7, 9_000_000_000_000_000_000, "forged")}, []string{"blob", "lock"}, words{"", 7, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "a window of servers whose clocks are ahead", nil, []string{"blob", "lock"}, words{"", soon, 3, 5, "new", 60_000, "c", "m"}, "1", map[string]string{"HGET blob blob": "new"}},
		{"publish", "a window that a wrong clock made", nil, []string{"blob", "lock"}, words{"", later, 3, 5, "new", 60_000, "c", "m"}, "0", map[string]string{"EXISTS blob": "0"}},

		{"invalidate", "above what there is", []words{{"ZADD", "own", later, "soft a"}}, []string{"own", "all"}, words{"hard", 0, 10, 60_000, "a", "b"}, fmt.Sprintf("[%d 1]", later+1),
			map[string]string{"ZRANGE own 0 -1": "[soft a hard a hard b]", "ZRANGE all 0 -1": "[newest]"}},
		{"invalidate", "above what another tenant has", []words{{"ZADD", "all", later, "newest"}}, []string{"own", "all"}, words{"soft", 0, 10, 60_000, "a"}, fmt.Sprintf("[%d 1]", later+1), nil},
		{"invalidate", "above what the process knows", nil, []string{"own", "all"}, words{"soft", later, 10, 60_000, "a"}, fmt.Sprintf("[%d 1]", later+1), nil},
		{"invalidate", "everything of all tenants", []words{{"ZADD", "all", later, "newest"}}, []string{"all", "all"}, words{"hard", 0, 10, 60_000, "all"}, fmt.Sprintf("[%d 1]", later+1),
			map[string]string{"ZRANGE all 0 -1": "[hard all newest]"}},
		{"invalidate", "for an event that was heard of", []words{{"SET", "once", 42}}, []string{"own", "all", "once"}, words{"soft", 0, 10, 60_000, "a"}, "[42 0]", map[string]string{"EXISTS own all": "0"}},
		{"invalidate", "for an event that is new", nil, []string{"own", "all", "once"}, words{"soft", later, 10, 60_000, "a"}, fmt.Sprintf("[%d 1]", later+1), map[string]string{"GET once": fmt.Sprint(later + 1)}},
		{"invalidate", "more scopes than are kept", []words{{"ZADD", "own", 1, "soft a", 2, "soft b", 3, "soft c", 4, "soft d"}}, []string{"own", "all"}, words{"soft", later, 4, 60_000, "z"}, fmt.Sprintf("[%d 1]", later+1),
			map[string]string{"ZRANGE own 0 -1": "[soft all soft d soft z]", "ZRANGEBYSCORE own 3 3": "[soft all]"}},
		{"invalidate", "more scopes than are kept, some of them forbidden", []words{{"ZADD", "own", 1, "hard a", 2, "hard b", 3, "soft c", 4, "soft d"}}, []string{"own", "all"}, words{"soft", later, 4, 60_000, "z"}, fmt.Sprintf("[%d 1]", later+1),
			map[string]string{"ZRANGE own 0 -1": "[hard all soft all soft d soft z]", "ZRANGEBYSCORE own 2 2": "[hard all]", "ZRANGEBYSCORE own 3 3": "[soft all]"}},

		{"restore", "what is lacking", []words{{"ZADD", "own", 5, "hard a", 9, "soft b"}}, []string{"own", "all"}, words{7, "hard a", 8, "soft b", 1, "hard c"}, "1",
			map[string]string{"ZRANGE own 0 -1 WITHSCORES": "[[hard c 1] [hard a 7] [soft b 9]]"}},
		{"restore", "over what is no list of invalidations", []words{{"SET", "own", "junk"}, {"SET", "all", "junk"}}, []string{"own", "all"}, words{7, "hard a"}, "1", map[string]string{"ZRANGE own 0 -1": "[hard a]", "EXISTS all": "0"}},

		{"count", "the first of a minute", nil, []string{"minute", "before"}, words{60_000, "a", 3}, "[3 0]", map[string]string{"HGETALL minute": "map[a:3]", "EXISTS before": "0"}},
		{"count", "on top of what others counted", []words{{"HSET", "minute", "a", 5, "b", 7}, {"HSET", "before", "b", 9}}, []string{"minute", "before"}, words{60_000, "a", 3, "b", 0, "c", 1}, "[8 0 7 9 1 0]",
			map[string]string{"HGET minute a": "8", "HGET before b": "9"}},
	}
	var tested []string
	for _, c := range cases {
		tested = append(tested, c.script+".lua")
		t.Run(c.script+" "+c.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("scripts", c.script+".lua"))
			if err != nil {
				t.Fatal(err)
			}
			run := func(command words) string {
				answer, err := client.Do(t.Context(), command...).Result()
				if err != nil {
					t.Fatalf("%v: %v", command, err)
				}
				return fmt.Sprint(answer)
			}
			run(words{"FLUSHALL"})
			for _, command := range c.before {
				run(command)
			}
			got, err := client.Eval(t.Context(), string(text), c.keys, c.args...).Result()
			if err != nil || fmt.Sprint(got) != c.want {
				t.Errorf("answer %v, %v, want %s", got, err, c.want)
			}
			for command, want := range c.after {
				var split words
				for word := range strings.FieldsSeq(command) {
					split = append(split, word)
				}
				if got := run(split); got != want {
					t.Errorf("%s = %s, want %s", command, got, want)
				}
			}
		})
	}
	files, err := os.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(tested, file.Name()) {
			t.Errorf("scripts/%s has no case", file.Name())
		}
	}
}

func TestScriptsAreSentOnceAndAgainWhereTheServerHasForgottenThem(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	store := redisstore.New(redis.UniversalOptions{Addrs: []string{server.Addr}}, "town:1")
	defer store.Close()
	const key, rounds = "exchequer:{t:m}:s:scripts", 20
	use := func(i int) {
		t.Helper()
		if ok, err := store.Lock(t.Context(), key, "me", time.Minute); !ok || err != nil {
			t.Errorf("Lock = %v, %v", ok, err)
		}
		if ok, err := store.Extend(t.Context(), key, "me", time.Minute); !ok || err != nil {
			t.Errorf("Extend = %v, %v", ok, err)
		}
		p := cache.Publication{Key: key, Owner: "me", Window: int64(i) * int64(time.Second), Blob: []byte("blob"), Keep: time.Minute}
		if ok, err := store.Publish(t.Context(), p); !ok || err != nil {
			t.Errorf("Publish = %v, %v", ok, err)
		}
		if _, _, err := store.Invalidate(t.Context(), cache.Soft, []string{"tag:town:a"}, 0, ""); err != nil {
			t.Errorf("Invalidate: %v", err)
		}
		if err := store.Restore(t.Context(), []cache.Invalidation{{Scope: "tag:town:a", Generation: 1}}); err != nil {
			t.Errorf("Restore: %v", err)
		}
		if err := store.Unlock(t.Context(), key, "me"); err != nil {
			t.Errorf("Unlock: %v", err)
		}
		if _, _, err := store.Count(t.Context(), 1, []string{"192.0.2.1"}, []int64{1}); err != nil {
			t.Errorf("Count: %v", err)
		}
	}
	for i := range rounds {
		if i == rounds/2 {
			if _, err := server.Do("SCRIPT", "FLUSH"); err != nil {
				t.Fatal(err)
			}
		}
		use(i)
	}
	calls := func(command string) (n int) {
		stats, err := server.Ask("INFO", "commandstats")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(fmt.Sprint(stats)) {
			fmt.Sscanf(line, "cmdstat_"+command+":calls=%d", &n)
		}
		return n
	}
	files, err := os.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	if sent, want := calls("eval"), 2*len(files); sent != want {
		t.Errorf("%d scripts were sent whole, want each of %d before and after the flush, %d", sent, len(files), want)
	}
	if named, want := calls("evalsha"), rounds*len(files); named != want {
		t.Errorf("%d were called by name, want %d", named, want)
	}
}
