package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

	"exchequer/connector"
	"exchequer/internal/postgres"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/views"
	"exchequer/web"
)

// serverFlags are what serve and demo share.
type serverFlags struct {
	Listen         string         `default:"${listen}" placeholder:"ADDRESS" env:"EXCHEQUER_LISTEN" group:"serving" help:"Address to serve on (default: ${default})."`
	URL            baseURL        `env:"EXCHEQUER_URL" placeholder:"URL" group:"serving" help:"How visitors reach the site, such as https://economy.example.org, for canonical addresses and the site map."`
	Licence        string         `env:"EXCHEQUER_LICENCE" placeholder:"TEXT" group:"serving" help:"Licence of the data, such as CC BY 4.0, stated with the numbers."`
	Map            mapURL         `name:"map-url" env:"EXCHEQUER_MAP_URL" placeholder:"URL" group:"serving" help:"Address of a map to which shops link, with {world}, {x}, {y} and {z}, such as https://map.example.org/#{world}:{x}:{y}:{z}."`
	Ancestors      ancestors      `name:"embed-ancestors" default:"*" env:"EXCHEQUER_EMBED_ANCESTORS" placeholder:"SOURCES" group:"serving" help:"Sites whose pages may show the panels below /embed/, such as https://forum.example.org, separated by spaces (default: all). 'none': no page may."`
	TrustedProxies []netip.Prefix `name:"trusted-proxy" env:"EXCHEQUER_TRUSTED_PROXIES" placeholder:"CIDR" group:"serving" help:"Proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Request-Id are trusted."`
	CDN            bool           `env:"EXCHEQUER_CDN" group:"serving" help:"Let shared caches keep pages until the next refresh (s-maxage)."`
	MaxConnections int            `default:"4096" env:"EXCHEQUER_MAX_CONNECTIONS" group:"serving" help:"Connections at a time; one more closes the one that has been idle longest. 0: no limit."`
	APIRate        int            `default:"0" env:"EXCHEQUER_API_RATE" group:"serving" help:"Requests to /api/v1 a minute that a client may make. 0: no limit."`
	APIUserAgent   string         `default:"any" enum:"any,ask" env:"EXCHEQUER_API_USER_AGENT" group:"serving" help:"ask: refuse requests to /api/v1 whose User-Agent does not say who asks. any: answer all."`
	Drain          time.Duration  `default:"20s" env:"EXCHEQUER_DRAIN" group:"serving" help:"How long open requests, and what they compute, may take to end at shutdown."`
	Linger         time.Duration  `default:"1s" env:"EXCHEQUER_LINGER" group:"serving" help:"How long new requests are still accepted at shutdown, while /readyz already fails."`
	AdminListen    string         `env:"EXCHEQUER_ADMIN_LISTEN" placeholder:"ADDRESS" group:"operators" help:"Separate address for operators, such as 127.0.0.1:9091: /metrics, /health/cache, the operators' API and profiles of the program (pprof), which are then nowhere else."`
	MetricsListen  string         `env:"EXCHEQUER_METRICS_LISTEN" placeholder:"ADDRESS" group:"operators" help:"Separate address to serve /metrics on (default: that of the pages)."`
	LogLevel       slog.Level     `default:"info" env:"EXCHEQUER_LOG_LEVEL" group:"operators" help:"debug, info, warn or error."`
	LogFormat      string         `default:"auto" enum:"auto,text,json" env:"EXCHEQUER_LOG_FORMAT" group:"operators" help:"auto: text on a terminal, JSON otherwise."`
	rumFlags       `group:"operators"`
	tokenFlags     `group:"operators"`
	ingestFlags    `group:"serving"`
	adminFlags     `group:"operators"`
	Signs          thresholds `name:"sign" env:"EXCHEQUER_SIGNS" placeholder:"SIGN=LIMIT:RANGE,…" group:"serving" help:"Thresholds of a sign of the page on health, such as money=watch:-5%..5%,bad:-15%..15%. Several are separated by semicolons."`
	Connections    poolSize   `name:"postgres-connections" env:"EXCHEQUER_POSTGRES_CONNECTIONS" placeholder:"NUMBER" group:"data" help:"Connections to Postgres that a process may have at a time, and as many to a replica (default: 24; with several ledgers 8 for each of up to 16). Several ledgers share them, and at most one ledger for 8 of them is open at a time. Each open ledger has one more, to listen for writes."`
	Verify         string     `default:"nightly" enum:"nightly,off" env:"EXCHEQUER_VERIFY" group:"serving" help:"nightly: verify the whole ledger once a day, gently, for the page on health. off: never."`
	ExactHolders   int64      `default:"200000" env:"EXCHEQUER_EXACT_HOLDERS" placeholder:"NUMBER" group:"serving" help:"Up to how many accounts that were ever used the numbers of holders are read from all balances (default: ${default}). Beyond, they follow from tallies, and measures of inequality have bounds."`
	Dump           string     `type:"path" env:"EXCHEQUER_DUMP" placeholder:"DIR" group:"serving" help:"Folder to bring a dump up to date in every night, and to serve at /data/ (default: none)."`
	monthlyFlags
	dumpFlags
	serveAlertsFlags
	signInFlags `group:"sign-in"`
	Policies    policies `name:"policy" env:"EXCHEQUER_POLICIES" placeholder:"MEMO=LIMIT:DURATION,…" group:"cache" help:"Limits of a memo: window, soft, hard, timeout, such as stats=window:10s,timeout:5s. Several are separated by semicolons."`
	Tenant      string   `default:"default" env:"TENANT" group:"cache" help:"Name of this deployment in a shared cache."`
}

// defaultListen is the address of a server that is given none.
const defaultListen = "127.0.0.1:8080"

// A baseURL is where a site is, without a slash at its end.
type baseURL string

// UnmarshalText returns an error unless text is a URL of a host's root.
func (b *baseURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q: want the address of the site's root, such as https://economy.example.org", text)
	}
	*b = baseURL(u.Scheme + "://" + u.Host)
	return nil
}

// A mapURL is the address of a map.
type mapURL views.MapURL

// UnmarshalText returns an error unless text is an address with the place in it.
func (m *mapURL) UnmarshalText(text []byte) error {
	parsed, err := views.ParseMapURL(string(text))
	*m = mapURL(parsed)
	return err
}

// ancestors are sources of the directive frame-ancestors.
type ancestors string

// UnmarshalText returns an error unless text is sources, and nothing that would end the
// directive.
func (a *ancestors) UnmarshalText(text []byte) error {
	sources := strings.Fields(string(text))
	for _, source := range sources {
		keyword := source == "'none'" && len(sources) == 1 || source == "'self'" || source == "*"
		if host := strings.TrimPrefix(strings.TrimPrefix(source, "https://"), "http://"); !keyword && (host == "" || strings.ContainsFunc(host, notInHost)) {
			return fmt.Errorf("%q: want sites such as https://forum.example.org, 'self', or one of * and 'none'", source)
		}
	}
	if len(sources) == 0 {
		return errors.New("want sites such as https://forum.example.org, or 'none'")
	}
	*a = ancestors(strings.Join(sources, " "))
	return nil
}

// notInHost reports whether a character is in no host of a source, with its port.
func notInHost(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(".-:*", c))
}

type serveCommand struct {
	serverFlags
	databaseFlags
	replicaFlags
	sharedCacheFlags `group:"redis"`
	followFlags
	Ledgers string `type:"path" env:"EXCHEQUER_LEDGERS" placeholder:"FILE" group:"serving" help:"TOML file that lists several ledgers to serve, each below /c/NAME/, with its database (docs/operations.md)."`
}

func (c serveCommand) Run(ctx context.Context, s streams) (err error) {
	log := c.logger(s)
	token, err := c.token()
	if err != nil {
		return err
	}
	if c.Ledgers != "" {
		return c.runSeveral(ctx, s, log, token)
	}
	if c.DatabaseReadURL+c.DatabaseReadURLFile != "" && c.DatabaseURL+c.DatabaseURLFile == "" {
		return errors.New("DATABASE_READ_URL is set and DATABASE_URL is not: an embedded database has no replica")
	}
	follow, err := c.sources()
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	shared, err := c.shared(c.Tenant)
	if err != nil {
		return err
	}
	tracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lastly(tracing.Close)) }()
	db, err := c.openWithRetry(ctx, log, access{tracer: tracing.Queries(), conns: c.Connections.of(1)}, listener)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := c.openReplica(ctx, db, c.Connections.of(1), tracing.Queries()); err != nil {
		return err
	}
	return c.serve(ctx, server{streams: s, log: log, token: token, listener: listener, db: db, shared: shared, tracing: tracing, follow: follow})
}

// listen opens the listener. It is called before anything else is started, so
// that a second server on the address fails at once. Connections made before the
// server accepts them wait.
func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve on %s: %w (choose another address with %s)", address, err, flag)
	}
	return listener, nil
}

// A server is what serve runs with.
type server struct {
	streams    streams
	log        *slog.Logger
	token      string // the operators' token
	listener   net.Listener
	db         *database
	shared     sharedCache
	tracing    *telemetry.Tracing
	background func(context.Context, *ledger.Ledger) // runs while it serves, and may write; may be nil
	follow     []connector.Config                    // sources, by one process of the fleet each
}

// A drain is the end of a process: when it has begun, and until when what is open may
// take.
type drain struct {
	begun atomic.Bool
	until time.Time // set anew when it begins
}

// left returns a context for what ends last.
func (d *drain) left(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), max(time.Until(d.until), leastDrain))
}

// serve answers requests until ctx ends. Then it waits for requests, background
// work and producers to end, in that order.
func (f serverFlags) serve(ctx context.Context, r server) (err error) {
	limitMemory(r.log, memlimit.FromCgroup, shareOfMemory(r.db.embedded != nil))
	end := drain{until: time.Now().Add(f.Drain)}
	registry := telemetry.NewRegistry()
	signIn, err := f.service(f.URL, func() *pgxpool.Pool { return r.db.Pool }, r.log)
	if err != nil {
		return err
	}
	metrics, endMetrics, err := f.serveMetrics(ctx, registry, r.log)
	if err != nil {
		return err
	}
	defer endMetrics()
	operators, err := f.serveOperators(ctx, registry, r.log)
	if err != nil {
		return err
	}
	defer operators.end()
	export, err := telemetry.StartExport(ctx, os.Getenv, version, registry, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lastly(export.Close)) }()
	site, err := f.newSite(ctx, r, place{registry: registry, metrics: metrics, operators: operators.address, signIn: signIn, end: &end})
	if err != nil {
		return err
	}
	operators.open(site.handler)
	defer func() {
		ending, cancel := end.left(ctx)
		defer cancel()
		err = errors.Join(err, site.close(ending))
	}()
	working, stopWork := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stopWork()
	site.start(working, &work)
	if signIn != nil {
		work.Go(func() { signIn.Keep(working, r.log) })
	}
	return f.answer(ctx, r, site.handler, &end)
}

// answer answers requests until ctx ends, and then those that are open.
func (f serverFlags) answer(ctx context.Context, r server, handler http.Handler, end *drain) (err error) {
	httpServer := web.Server(r.listener.Addr().String(), r.tracing.Handler(handler, f.proxied))
	httpServer.ErrorLog = slog.NewLogLogger(r.log.Handler(), slog.LevelWarn)
	web.LimitConnections(httpServer, f.connections(mostFiles(), r.log), addresses(f.TrustedProxies)...)
	var pending pendingConns
	pending.track(httpServer)
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(r.listener) }()
	f.announce(r)

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	r.log.Info("shutting down", "because", context.Cause(ctx))
	// Fail /readyz first, so that load balancers send requests elsewhere.
	end.begun.Store(true)
	httpServer.SetKeepAlivesEnabled(false)
	time.Sleep(f.Linger)
	end.until = time.Now().Add(f.Drain)
	ending, cancel := context.WithDeadline(context.WithoutCancel(ctx), end.until)
	defer cancel()
	r.listener.Close()
	<-served
	pending.wait(ending)
	if stop := httpServer.Shutdown(ending); stop != nil {
		err = errors.Join(err, fmt.Errorf("requests were still open after %s: %w", f.Drain, stop), httpServer.Close())
	}
	return err
}

// newRate returns a limit of so many requests a minute, nil for 0. With Redis, the fleet
// counts together.
func newRate(limit int, memos openCache) *web.Rate {
	if limit <= 0 {
		return nil
	}
	return web.NewRate(limit, fleetCounts(memos))
}

// fleetCounts returns the counts of requests that the fleet shares, nil without Redis.
func fleetCounts(memos openCache) web.Counts {
	if memos.store == nil {
		return nil // not a nil pointer in an interface
	}
	return memos.store
}

// leastDrain is the time that producers have to end when requests have taken all.
const leastDrain = time.Second

var errShuttingDown = errors.New("this process is shutting down")

// readiness returns the checks of /readyz.
func readiness(db *database, shuttingDown *atomic.Bool) []web.Check {
	return []web.Check{
		shutdownCheck(shuttingDown),
		{Name: "database", Missing: "see that Postgres runs and can be reached", Check: db.Ping, Spared: true},
		{Name: "schema", Missing: "run exchequer migrate", Check: func(ctx context.Context) error {
			// A database that does not answer fails the check above.
			if err := postgres.Check(ctx, db.Pool); errors.Is(err, postgres.ErrNotMigrated) {
				return err
			}
			return nil
		}},
	}
}

func shutdownCheck(shuttingDown *atomic.Bool) web.Check {
	return web.Check{Name: "shutdown", Missing: "send requests elsewhere", Check: func(context.Context) error {
		if shuttingDown.Load() {
			return errShuttingDown
		}
		return nil
	}}
}

// proxied reports whether a request comes directly from a trusted proxy.
func (f serverFlags) proxied(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(f.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

func addresses(ranges []netip.Prefix) []string {
	var all []string
	for _, r := range ranges {
		all = append(all, r.String())
	}
	return all
}

func (f serverFlags) logger(s streams) *slog.Logger {
	return telemetry.NewLogger(s.err, f.LogLevel, f.textLog(s))
}

// textLog reports whether the log is text, for people.
func (f serverFlags) textLog(s streams) bool {
	file, isFile := s.err.(*os.File)
	return f.LogFormat == "text" || f.LogFormat == "auto" && isFile && term.IsTerminal(int(file.Fd()))
}

// say prints a line for people, or logs it where the log is JSON: what reads that
// expects nothing else.
func (f serverFlags) say(s streams, log *slog.Logger, format string, args ...any) {
	if line := fmt.Sprintf(format, args...); f.textLog(s) {
		fmt.Fprintln(s.err, line)
	} else {
		log.Info(line)
	}
}

// announce prints the address: set off from a log of text, and on the other stream
// beside a log of JSON.
func (f serverFlags) announce(r server) {
	const ready = "Exchequer is ready at http://%s\n"
	if f.textLog(r.streams) {
		fmt.Fprintf(r.streams.err, "\n  "+ready+"\n", r.listener.Addr())
		return
	}
	r.log.Info("ready", "url", "http://"+r.listener.Addr().String())
	fmt.Fprintf(r.streams.out, ready, r.listener.Addr())
}

func startTracing(ctx context.Context, log *slog.Logger) (*telemetry.Tracing, error) {
	return telemetry.StartTracing(ctx, os.Getenv, version, log)
}

// lastly sends what is left to be sent, and gives up after 3 s.
func lastly(send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return send(ctx)
}
