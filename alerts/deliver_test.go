package alerts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"exchequer/internal/postgres"
)

func TestAMessageSaysWhatAndWhere(t *testing.T) {
	r := newReceiving(t)
	q := newQueue(t, "hook", 1)
	q.deliver(q.deliverer(hookAt(r.URL)))
	want := Message{ID: "id00", Rule: "rule", Kind: BooksWrong, Subject: "x", At: q.now.UTC(), Title: "Title id00", Text: "Text", URL: "https://economy.test/items/x", Economy: "Port Test"}
	if got := r.messages(); len(got) != 1 || got[0] != want {
		t.Errorf("it got %+v, want %+v", got, want)
	}
	q.want("id00 sent 1 204")
}

func TestOneProcessOfTwoSendsAMessage(t *testing.T) {
	const alerts = 30
	r := newReceiving(t)
	q := newQueue(t, "hook", alerts)
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() { q.deliverer(hookAt(r.URL)).Run(ctx) })
	}
	for limit := time.Now().Add(30 * time.Second); len(r.messages()) < alerts && time.Now().Before(limit); {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(3 * polls / 2) // in which one might be sent again
	cancel()
	work.Wait()
	seen := map[string]int{}
	for _, m := range r.messages() {
		seen[m.ID]++
	}
	if len(seen) != alerts || len(r.messages()) != alerts {
		t.Errorf("%d alerts were sent as %d messages, want each once: %v", len(seen), len(r.messages()), seen)
	}
}

func TestAReceiverThatFailsIsTriedLaterAndLaterAndThenTurnedOff(t *testing.T) {
	r := newReceiving(t)
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	q := newQueue(t, "hook", 1)
	d := q.deliverer(hookAt(r.URL))
	began := q.now
	var at []time.Duration
	for q.now.Sub(began) < 6*time.Hour {
		if before := len(r.messages()); q.deliver(d) && len(r.messages()) > before {
			at = append(at, q.now.Sub(began))
		}
		q.now = q.now.Add(10 * time.Second)
	}
	s, m := time.Second, time.Minute
	want := []time.Duration{0, 10 * s, 30 * s, 70 * s, 150 * s, 310 * s, 630 * s, 1270 * s, 2550 * s, 5110 * s, 5110*s + 60*m, 5110*s + 120*m}
	if !slices.Equal(at, want) {
		t.Errorf("attempts after %v, want %v", at, want)
	}
	q.want("id00 failed 12 it answered 500")
	for _, message := range r.messages() {
		if message.ID != "id00" {
			t.Errorf("an attempt has the id %s", message.ID)
		}
	}

	// It still fails a day after it began to.
	q.now = began.Add(25 * time.Hour)
	q.alert("hook", "id01")
	q.alert("hook", "id02")
	q.deliver(d)
	q.want("id01 dropped 1 the receiver was turned off", "id02 dropped 0 the receiver was turned off", "id00 failed 12 it answered 500")
	if !strings.Contains(q.log.String(), "turned off, since it has failed for a day") {
		t.Errorf("the log does not say so:\n%s", q.log)
	}
	r.answers(nil)
	q.alert("hook", "id03")
	if q.now = q.now.Add(48 * time.Hour); q.deliver(d) {
		t.Error("a receiver that is off is sent to")
	}
	if is, err := TurnOn(t.Context(), q.db, "hook"); !is || err != nil {
		t.Fatal(is, err)
	}
	q.deliver(d)
	if got := r.messages(); got[len(got)-1].ID != "id03" {
		t.Errorf("after it is turned on, it got %s", got[len(got)-1].ID)
	}
	if is, err := TurnOn(t.Context(), q.db, "nobody"); is || err != nil {
		t.Errorf("nobody was turned on: %v, %v", is, err)
	}
}

func TestAReceiverThatAsksToWaitIsLeftAlone(t *testing.T) {
	r := newReceiving(t)
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	q := newQueue(t, "hook", 2)
	d := q.deliverer(hookAt(r.URL))
	q.deliver(d)
	r.answers(nil)
	if q.now = q.now.Add(89 * time.Second); q.deliver(d) {
		t.Error("it was sent to after 89 s")
	}
	q.now = q.now.Add(time.Second)
	q.deliver(d)
	q.want("id00 sent 2 204", "id01 sent 1 204")
	for text, want := range map[string]time.Duration{"": 0, "-1": 0, "x": 0, "NaN": 0, "0.5": 500 * time.Millisecond, "1e9": time.Hour, "Inf": time.Hour} {
		if got := retryAfter(text); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

// A message that its receiver does not take holds up no other one.
func TestABadMessageHoldsUpNoOther(t *testing.T) {
	r := newReceiving(t)
	r.answers(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Webhook-Id") == "id00" {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	q := newQueue(t, "hook", 3)
	d := q.deliverer(hookAt(r.URL))
	q.deliver(d)
	q.now = q.now.Add(firstPause)
	q.deliver(d)
	q.want("id00 pending 2 it answered 400", "id01 sent 1 200", "id02 sent 1 200")
}

func TestAReceiverThatHangsIsGivenUpAndHoldsUpNoOther(t *testing.T) {
	hang := make(chan struct{})
	slow, quick := newReceiving(t), newReceiving(t)
	t.Cleanup(func() { close(hang) }) // before the servers end
	slow.answers(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	q := newQueue(t, "hook", 1)
	q.exec(`INSERT INTO alert_receivers (owner, name, kind, target, retry_at) VALUES ('', 'other', 'webhook', '', $1)`, q.now.Add(-time.Second))
	q.alert("other", "id50")
	other := hookAt(quick.URL)
	other.Name = "other"
	d := q.deliverer(hookAt(slow.URL), other)
	d.Sender.http["http"].Timeout = 200 * time.Millisecond
	q.deliver(d)
	q.deliver(d)
	q.want("id00 pending 1 it did not answer in time", "id50 sent 1 204")
}

func TestAnEndlessAnswerIsNotRead(t *testing.T) {
	r := newReceiving(t)
	r.answers(func(w http.ResponseWriter, q *http.Request) {
		for q.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	q := newQueue(t, "hook", 1)
	q.deliver(q.deliverer(hookAt(r.URL)))
	q.want("id00 sent 1 200")
}

func TestARedirectIsNotFollowed(t *testing.T) {
	inner, r := newReceiving(t), newReceiving(t)
	r.answers(func(w http.ResponseWriter, q *http.Request) {
		http.Redirect(w, q, inner.URL, http.StatusTemporaryRedirect)
	})
	q := newQueue(t, "hook", 1)
	q.deliver(q.deliverer(hookAt(r.URL)))
	q.want("id00 pending 1 it answered 307, and redirects are not followed")
	if len(inner.messages()) > 0 {
		t.Error("the redirect was followed")
	}
}

// A name that leads to a public address when it is looked at, and to one of our own when
// it is connected to, gains nothing.
func TestANameThatLeadsElsewhereTheSecondTimeIsRefused(t *testing.T) {
	r := newReceiving(t)
	resolver, asked := rebinding(t, "8.8.8.8", "127.0.0.1")
	if seen, err := resolver.LookupNetIP(t.Context(), "ip4", "hook.test"); err != nil || len(seen) != 1 || !public(seen[0]) {
		t.Fatalf("it leads to %v, %v at first", seen, err)
	}
	to := hookAt(strings.Replace(r.URL, "127.0.0.1", "hook.test", 1))
	for _, scheme := range []string{"http", "https"} {
		to.url.Scheme = scheme
		_, err := newSender(guard{resolver: resolver}, "test").Send(t.Context(), to, Message{ID: "x"})
		if !strings.Contains(errorText(err), "127.0.0.1 is not a public address") {
			t.Errorf("Send = %v, want that it is refused", err)
		}
	}
	if len(r.messages()) > 0 || asked.Load() < 2 {
		t.Errorf("the receiver got %v after %d lookups", r.messages(), asked.Load())
	}
}

func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	proxy, r := newReceiving(t), newReceiving(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	q := newQueue(t, "hook", 1)
	q.deliver(q.deliverer(hookAt(r.URL)))
	q.want("id00 sent 1 204")
	if len(proxy.messages()) > 0 {
		t.Error("the proxy was used")
	}
}

func TestNoSecretIsInTheLog(t *testing.T) {
	for name, address := range map[string]string{
		"nobody listens": "http://127.0.0.1:1/hush?token=hush", "not public": "https://10.0.0.1/hush", "unknown": "https://nobody.invalid/hush",
	} {
		t.Run(name, func(t *testing.T) {
			q := newQueue(t, "hook", 1)
			to := hookAt(address)
			q.deliver(q.deliverer(to))
			if said := q.log.String() + strings.Join(q.deliveries(), ""); strings.Contains(said, "hush") || !strings.Contains(said, "id00 pending 1") || strings.Contains(said, string(to.secret)) {
				t.Errorf("it said %s", said)
			}
		})
	}
}

func TestWhatANameHasInItIsNoMarkup(t *testing.T) {
	m := Message{Title: "@everyone <@123> [x](https://evil.example) **a** \x00\n\u202eb", Text: "<!channel> & <https://evil.example|x>\n" + strings.Repeat("€", 3000), URL: "https://economy.test/items/x"}
	body, err := m.body(Discord)
	if err != nil {
		t.Fatal(err)
	}
	var d discordMessage
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Embeds[0].Title, `\@everyone \<\@123\> \[x\]\(https\://evil.example\) \*\*a\*\*    b`; got != want || !bytes.Contains(body, []byte(`"allowed_mentions":{"parse":[]}`)) {
		t.Errorf("Discord gets %q, want %q", got, want)
	}
	if len(d.Embeds[0].Description) > 4000 || !strings.HasSuffix(d.Embeds[0].Description, "€…") {
		t.Errorf("its description has %d bytes", len(d.Embeds[0].Description))
	}
	body, err = m.body(Slack)
	if err != nil {
		t.Fatal(err)
	}
	var s slackMessage
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Text, "@everyone &lt;@123&gt; [x]") || !strings.Contains(s.Text, "&lt;!channel&gt; &amp;") || !strings.HasSuffix(s.Text, "\n<https://economy.test/items/x>") {
		t.Errorf("Slack gets %.200q", s.Text)
	}
	// An address in a name would be a link in anything but plain text.
	if b := s.Blocks; len(b) != 2 || b[0].Text.Type != "plain_text" || !strings.HasPrefix(b[0].Text.Text, m.Title[:10]) || b[1].Text.Text != "<https://economy.test/items/x>" || s.Unfurl || s.Media {
		t.Errorf("Slack gets the blocks %.200v", b)
	}
}

// sendEnv makes the test binary a process that sends, so that it can be killed.
const sendEnv = "EXCHEQUER_TEST_SEND"

func TestMain(m *testing.M) {
	if to := os.Getenv(sendEnv); to != "" {
		db, err := postgres.Open(context.Background(), os.Getenv("EXCHEQUER_TEST_LEDGER"), postgres.Options{MaxConns: 6})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		delivererOf(db, time.Now, os.Stderr, hookAt(to)).Run(context.Background())
	}
	goleak.VerifyTestMain(m)
}

// A process that is killed after its message has arrived, and before it could write that
// down, sends it again: with the same id.
func TestAProcessThatIsKilledBetweenSendingAndWritingSendsTheSameAgain(t *testing.T) {
	t.Run("of the operators", func(t *testing.T) { testKilled(t, "", httptest.NewServer) })
	t.Run("of somebody", func(t *testing.T) { testKilled(t, "u1", httptest.NewTLSServer) })
}

func testKilled(t *testing.T, owner string, serve func(http.Handler) *httptest.Server) {
	r := receivingBy(t, serve)
	arrived := make(chan struct{}, 10)
	r.answers(func(w http.ResponseWriter, q *http.Request) {
		arrived <- struct{}{}
		<-q.Context().Done() // until the process is gone
	})
	q := newQueueOf(t, owner, "hook", 1)
	q.exec(`INSERT INTO own_receivers (owner, name, kind, url, secret, made) VALUES ('u1', 'hook', 'webhook', $1, $2, now())`, r.URL, secret)
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), sendEnv+"="+r.URL, "EXCHEQUER_TEST_LEDGER="+q.db.Config().ConnString())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd
	}
	first := start()
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was sent")
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	r.answers(nil)
	q.want("id00 pending 0 ")
	q.exec(`UPDATE alert_receivers SET retry_at = retry_at - $1::interval`, lease) // which is over then
	start()
	for limit := time.Now().Add(30 * time.Second); !slices.Equal(q.deliveries(), []string{"id00 sent 1 204"}); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("deliveries are %q", q.deliveries())
		}
	}
	if got := r.messages(); len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("it got %+v, want the same alert twice", got)
	}
}
