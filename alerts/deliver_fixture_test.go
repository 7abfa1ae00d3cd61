package alerts

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// hookAt returns a webhook called "hook".
func hookAt(address string) Receiver {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	key, err := parseSecret(secret)
	if err != nil {
		panic(err)
	}
	return Receiver{Name: "hook", Form: Webhook, url: u, secret: key}
}

// loopback is what tests allow, since their receivers are there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// A receiving is a receiver that a test has started.
type receiving struct {
	*httptest.Server
	mu     sync.Mutex
	got    []Message
	answer http.HandlerFunc // nil: 204
}

func newReceiving(t *testing.T) *receiving { return receivingBy(t, httptest.NewServer) }

func receivingBy(t *testing.T, serve func(http.Handler) *httptest.Server) *receiving {
	r := &receiving{}
	r.Server = serve(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var m Message
		body, _ := io.ReadAll(q.Body)
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%v: %s", err, body)
		}
		if want := sign(hookAt("/").secret, m.ID, q.Header.Get("Webhook-Timestamp"), body); q.Header.Get("Webhook-Signature") != want || q.Header.Get("Webhook-Id") != m.ID {
			t.Errorf("the headers are %v, want the signature %s", q.Header, want)
		}
		r.mu.Lock()
		r.got = append(r.got, m)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, q)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiving) answers(f http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiving) messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// A queue is a database with alerts that wait.
type queue struct {
	t     *testing.T
	owner string // empty: the operators
	db    *pgxpool.Pool
	now   time.Time
	log   *testkit.Buffer
}

func newQueue(t *testing.T, receiver string, alerts int) *queue {
	t.Helper()
	return newQueueOf(t, "", receiver, alerts)
}

func newQueueOf(t *testing.T, owner, receiver string, alerts int) *queue {
	t.Helper()
	q := &queue{t, owner, testkit.Postgres(t), time.Now().Truncate(time.Second), &testkit.Buffer{}}
	q.exec(`INSERT INTO alert_receivers (owner, name, kind, target, retry_at) VALUES ($3, $1, 'webhook', '', $2)`, receiver, q.now, owner)
	for n := range alerts {
		q.alert(receiver, fmt.Sprintf("id%02d", n))
	}
	return q
}

func (q *queue) alert(receiver, id string) {
	q.t.Helper()
	kind := BooksWrong
	if q.owner != "" {
		kind = StockEnds
	}
	q.exec(`INSERT INTO alerts VALUES ($1, $3, 'rule', $4, 'x', $2, 'Title ' || $1, 'Text', '/items/x', false, 1, '{}', '{}')`, id, q.now, q.owner, kind)
	q.exec(`INSERT INTO alert_deliveries (alert, owner, receiver, status, created) VALUES ($1, $4, $2, 'pending', $3)`, id, receiver, q.now, q.owner)
}

func (q *queue) exec(sql string, args ...any) {
	q.t.Helper()
	if _, err := q.db.Exec(q.t.Context(), sql, args...); err != nil {
		q.t.Fatal(err)
	}
}

func delivererOf(db *pgxpool.Pool, now func() time.Time, log io.Writer, to ...Receiver) *Deliverer {
	return NewDeliverer(DelivererDeps{
		DB: db, Receivers: to, Sender: NewSender(loopback, "test"), Settings: func() ledger.Settings { return settings }, BaseURL: "https://economy.test",
		Peoples: trusting(), Now: now, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: NewMetrics(prometheus.NewRegistry()),
	})
}

// trusting returns a sender to receivers of tests with TLS.
func trusting() *Sender {
	s := NewSender(loopback, "test")
	s.http["https"].Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	return s
}

func (q *queue) deliverer(to ...Receiver) *Deliverer {
	return delivererOf(q.db, func() time.Time { return q.now }, q.log, to...)
}

// deliver sends what waits now, and returns whether there was anything.
func (q *queue) deliver(d *Deliverer) bool {
	q.t.Helper()
	more, err := d.Deliver(q.t.Context())
	if err != nil {
		q.t.Fatal(err)
	}
	return more
}

func (q *queue) deliveries() []string {
	q.t.Helper()
	rows, _ := q.db.Query(q.t.Context(), `SELECT concat_ws(' ', alert, status, attempts, outcome) FROM alert_deliveries WHERE owner = $1 ORDER BY created DESC, alert, receiver`, q.owner)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		q.t.Fatal(err)
	}
	return all
}

func (q *queue) want(deliveries ...string) {
	q.t.Helper()
	if got := q.deliveries(); !slices.Equal(got, deliveries) {
		q.t.Errorf("deliveries are %q, want %q", got, deliveries)
	}
}
