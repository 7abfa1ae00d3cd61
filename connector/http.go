package connector

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/connector/format"
)

// An httpFile is how a stream is asked for by HTTP.
type httpFile struct {
	Method    string `toml:"method"`     // GET, if it is empty, or POST, without a body
	Path      string `toml:"path"`       // below that of the source
	Next      string `toml:"next"`       // the path in the answer of the next page's address; @link: of the header Link
	NextParam string `toml:"next_param"` // what is at next is not an address, but the value of this parameter
	PageParam string `toml:"page_param"` // the number of the page, from 1, until one has no rows
	After     string `toml:"after"`      // with a mark: the parameter of the highest id that is known
	Limit     string `toml:"limit"`      // and of how many rows are wanted
}

const (
	answerTimeout = 30 * time.Second // to its first byte, and between any two
	wholeTimeout  = time.Hour        // of an answer
	maxPages      = 100_000
	maxAnswer     = 16 << 30 // bytes of an answer; documents have a lower bound of their own
	maxSecret     = 64 << 10
	maxAddress    = 8 << 10 // of the next page
)

// A website is a source of answers by HTTP, of the one host that was configured.
type website struct {
	engine
	base      *url.URL
	tokenFile string // of a bearer token
	patience  time.Duration
	client    *http.Client
}

// parseWebsite reads https://host/path, with token-file and ca behind #, which is never
// sent.
func parseWebsite(u *url.URL) (func() (source, error), error) {
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New("the source is http://, which is for the same machine only: want https://")
	}
	if u.Hostname() == "" || u.User != nil {
		return nil, errors.New("the source names no host, or a user: want https://host/path#token-file=FILE")
	}
	options, err := url.ParseQuery(u.Fragment)
	if err != nil {
		return nil, errors.New("what follows # in the source is not understood: want token-file=FILE&ca=FILE")
	}
	for key := range options {
		if key != "token-file" && key != "ca" {
			return nil, fmt.Errorf("the source has the parameter %q behind #, want token-file or ca", key)
		}
	}
	base := *u
	base.Fragment, base.RawFragment = "", ""
	return func() (source, error) {
		transport := &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: answerTimeout,
			MaxIdleConns:          1,
			IdleConnTimeout:       time.Minute,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		}
		if file := options.Get("ca"); file != "" {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read ca: %w", err)
			}
			transport.TLSClientConfig.RootCAs = x509.NewCertPool()
			if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
				return nil, errors.New("ca has no certificate")
			}
		}
		return &website{engine: engineHTTP, base: &base, patience: answerTimeout, tokenFile: options.Get("token-file"), client: &http.Client{
			Transport: transport,
			// Nobody but the host that was configured gets the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}, nil
	}, nil
}

func (w *website) read(_ context.Context, use func(snapshot) error) error { return use(w) }

func (w *website) close() { w.client.CloseIdleConnections() }

func (w *website) each(ctx context.Context, s *stream, after int64, limit int, emit func(header []string, row format.Row) error) error {
	how := s.read.http
	at := *w.base
	at.Path = strings.TrimSuffix(at.Path, "/") + how.Path
	query := at.Query()
	if s.mark != "" {
		query.Set(how.After, strconv.FormatInt(after, 10))
		if how.Limit != "" {
			query.Set(how.Limit, strconv.Itoa(limit))
		}
	}
	rows := 0
	read, sift := s.read.format(), newSifter(s.read, func(header []string, row format.Row) error {
		rows++
		return emit(header, row)
	})
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		if how.PageParam != "" {
			query.Set(how.PageParam, strconv.Itoa(page))
		}
		at.RawQuery = query.Encode()
		before := rows
		next, err := w.page(ctx, at.String(), how, read, sift)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", named(&at), err)
		}
		switch {
		case s.mark != "": // the next batch asks for what follows
			return ended(sift)
		case how.PageParam != "" && rows > before:
			continue
		case how.PageParam != "" || next == "":
			return ended(sift)
		case len(next) > maxAddress:
			return fmt.Errorf("%s: the address of the next page is longer than %d bytes", named(&at), maxAddress)
		case seen[next]:
			return fmt.Errorf("%s: the next page is one that was read", named(&at))
		case how.NextParam != "":
			query = url.Values{how.NextParam: {next}}
		default:
			to, err := at.Parse(next)
			if err != nil || to.Scheme != w.base.Scheme || to.Host != w.base.Host {
				return fmt.Errorf("%s: the next page is at another host than %s", named(&at), w.base.Host)
			}
			at, query = *to, to.Query()
		}
		seen[next] = true
	}
	return fmt.Errorf("%s: more than %d pages", named(w.base), maxPages)
}

// named returns an address for messages, without its parameters, which may be secret.
func named(u *url.URL) string { return u.Host + u.Path }

func ended(sift *sifter) error {
	if err := sift.end(); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// page passes on the rows of one answer, and returns where the next one is.
func (w *website) page(ctx context.Context, address string, how httpFile, read *format.Format, sift *sifter) (next string, err error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	method := how.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return "", errors.New("the address is not understood")
	}
	request.Header.Set("User-Agent", "exchequer sync")
	if w.tokenFile != "" {
		token, err := readSecret(w.tokenFile)
		if err != nil {
			return "", err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := w.client.Do(request)
	if err != nil {
		var failure *url.Error // has the address, which is named already
		if errors.As(err, &failure) {
			err = failure.Err
		}
		return "", err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return "", fmt.Errorf("it redirects (%s): name the address itself", status(answer.StatusCode))
	case answer.StatusCode != http.StatusOK:
		return "", fmt.Errorf("it answers %s", status(answer.StatusCode))
	}
	timer := time.AfterFunc(w.patience, func() { give(errSilent) })
	defer timer.Stop()
	body := &patient{from: io.LimitReader(answer.Body, maxAnswer), patience: w.patience, timer: timer}
	row := func(text string, row format.Row) error { return sift.row(read, text, row) }
	if how.Next == "" || how.Next == "@link" {
		next, err = linkNext(answer.Header), read.Read(body, row)
	} else {
		next, err = read.ReadPage(body, how.Next, row)
	}
	// The host may end its answer properly when it sees that it is given up.
	if cause := context.Cause(ctx); cause != nil {
		return "", cause
	}
	return next, err
}

var errSilent = errors.New("nothing more comes of its answer")

// status returns a status by its number: its text may be any that the host has sent.
func status(code int) string { return strings.TrimSpace(fmt.Sprint(code, " ", http.StatusText(code))) }

// A patient reader gives up when nothing comes for a while.
type patient struct {
	from     io.Reader
	patience time.Duration
	timer    *time.Timer
}

func (p *patient) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.timer.Reset(p.patience)
	return n, err
}

// linkNext returns the address of the next page in the headers Link, as in RFC 8288.
func linkNext(h http.Header) string {
	for _, value := range h.Values("Link") {
		for _, link := range strings.Split(value, ",") {
			address, parameters, _ := strings.Cut(strings.TrimSpace(link), ">")
			for _, p := range strings.Split(parameters, ";") {
				if p = strings.TrimSpace(p); strings.EqualFold(p, `rel="next"`) || strings.EqualFold(p, "rel=next") {
					return strings.TrimPrefix(address, "<")
				}
			}
		}
	}
	return ""
}

// readSecret reads a file that has a secret, such as a token, and nothing else.
func readSecret(file string) (string, error) {
	from, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, maxSecret))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// check returns what is wrong with how a stream is asked for.
func (h httpFile) check(mark string) error {
	ways := 0
	for _, key := range []string{h.Next, h.PageParam, h.After} {
		if key != "" {
			ways++
		}
	}
	switch {
	case !slices.Contains([]string{"", http.MethodGet, http.MethodPost}, h.Method):
		return fmt.Errorf("read.http.method is %q, want GET or POST", h.Method)
	case h.Path != "" && !strings.HasPrefix(h.Path, "/"):
		return fmt.Errorf("read.http.path is %q, want one that begins with /", h.Path)
	case ways > 1 || h.NextParam != "" && (h.Next == "" || h.Next == "@link") || h.Limit != "" && h.After == "":
		return errors.New("read.http has next, page_param or after, and not two of them")
	case (mark != "") != (h.After != ""):
		return errors.New("a mark goes with read.http.after, and that with a mark")
	}
	return nil
}
