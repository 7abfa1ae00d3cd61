package testkit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// A Proxy forwards connections to a server, with faults that a test injects. A
// fault applies to existing and new connections until Mend.
type Proxy struct {
	Addr string // host:port, for the client

	t testing.TB
	p *toxiproxy.Proxy
}

// NewProxy starts a proxy for the server at upstream, which ends with the test.
func NewProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // the faults write to the global log
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := &Proxy{t: t, p: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)}
	if err := p.p.Start(); err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p.Addr = p.p.Listen
	t.Cleanup(func() {
		p.Mend()
		p.p.Stop()
	})
	return p
}

// Delay delays each answer of the server.
func (p *Proxy) Delay(d time.Duration) {
	p.toxic("latency", fmt.Sprintf(`{"latency": %d}`, d.Milliseconds()))
}

// Narrow limits each direction to that many kilobytes a second.
func (p *Proxy) Narrow(kilobytes int) {
	attributes := fmt.Sprintf(`{"rate": %d}`, kilobytes)
	p.toxic("bandwidth", attributes)
	p.toxic("bandwidth", attributes, "upstream")
}

// Reset breaks each connection when the server answers.
func (p *Proxy) Reset() { p.toxic("reset_peer", `{"timeout": 0}`) }

// Swallow drops all answers and keeps the connections.
func (p *Proxy) Swallow() { p.toxic("timeout", `{"timeout": 0}`) }

// Cut closes all connections and accepts no new ones.
func (p *Proxy) Cut() { p.p.Stop() }

// Mend removes all faults.
func (p *Proxy) Mend() {
	p.t.Helper()
	p.p.Toxics.ResetToxics(p.t.Context())
	if err := p.p.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		p.t.Errorf("start proxy again: %v", err)
	}
}

func (p *Proxy) toxic(kind, attributes string, stream ...string) {
	p.t.Helper()
	if len(stream) == 0 {
		stream = []string{"downstream"}
	}
	toxic := fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": %s}`, kind, stream[0], attributes)
	if _, err := p.p.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		p.t.Fatalf("add %s to proxy: %v", kind, err)
	}
}
