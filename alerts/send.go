package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The limits of an attempt.
const (
	sendTimeout  = 10 * time.Second
	mailTimeout  = 30 * time.Second
	mostResponse = 4 << 10
	mostHeader   = 16 << 10
	longestWait  = time.Hour // that a receiver may ask for
)

// A Sender makes attempts to send.
type Sender struct {
	guard guard
	agent string
	http  map[string]*http.Client // by scheme
	roots *x509.CertPool          // of mail servers; nil: those of the system
	now   func() time.Time
	terse bool // errors tell nothing of the network of this machine
}

// NewSender returns a sender. Allow are networks that need not be public; version is
// that of the program.
func NewSender(allow []netip.Prefix, version string) *Sender {
	return newSender(guard{allow: allow}, version)
}

// NewPeoplesSender returns a sender for those who are not the operators: to public
// addresses alone, and its errors tell nothing of the network of this machine.
func NewPeoplesSender(version string) *Sender {
	s := newSender(guard{}, version)
	s.terse = true
	return s
}

func newSender(g guard, version string) *Sender {
	s := &Sender{guard: g, agent: "Exchequer/" + version, http: map[string]*http.Client{}, now: time.Now}
	for _, scheme := range []string{"http", "https"} {
		s.http[scheme] = &http.Client{
			Timeout:       sendTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				// No proxy: it would connect in our place, to addresses that nobody checks.
				Proxy: nil,
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					return g.dial(ctx, network, address, scheme == "https")
				},
				TLSHandshakeTimeout:    dialTimeout,
				MaxResponseHeaderBytes: mostHeader,
				DisableKeepAlives:      true,
				DisableCompression:     true,
			},
		}
	}
	return s
}

// A refused error is an attempt that failed. Its text is for operators, and has no
// secret.
type refused struct {
	text  string
	after time.Duration // how long the receiver asks to wait; 0: it does not say
}

func (r *refused) Error() string { return r.text }

// Send makes one attempt to send a message. The text of its outcome is for the log of
// deliveries.
func (s *Sender) Send(ctx context.Context, to Receiver, m Message) (outcome string, err error) {
	if to.Form == Email {
		return s.mail(ctx, to, m)
	}
	body, err := m.body(to.Form)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url.String(), bytes.NewReader(body))
	if err != nil {
		return "", &refused{text: "its address cannot be used"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.agent)
	if to.Form == Webhook {
		at := strconv.FormatInt(s.now().Unix(), 10)
		request.Header.Set("Webhook-Id", m.ID)
		request.Header.Set("Webhook-Timestamp", at)
		request.Header.Set("Webhook-Signature", sign(to.secret, m.ID, at, body))
	}
	response, err := s.http[to.url.Scheme].Do(request)
	if err != nil {
		return "", s.withoutAddress(ctx, err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, mostResponse)
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return strconv.Itoa(status), nil
	case status >= 300 && status < 400:
		return "", &refused{text: fmt.Sprintf("it answered %d, and redirects are not followed", status)}
	default:
		return "", &refused{fmt.Sprintf("it answered %d", status), retryAfter(response.Header.Get("Retry-After"))}
	}
}

// sign returns the signature of a message, by Standard Webhooks: HMAC-SHA256 of id,
// time and body.
func sign(secret []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// retryAfter reads a number of seconds, 0 if it is none.
func retryAfter(text string) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, longestWait.Seconds()) * float64(time.Second))
}

// withoutAddress returns why an attempt failed, without the address, which may be a
// secret.
func (s *Sender) withoutAddress(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		if failed.Timeout() {
			return &refused{text: "it did not answer in time"}
		}
		err = failed.Err
	}
	if s.terse {
		return &refused{text: terse(err)}
	}
	return &refused{text: cut(err.Error(), 300)}
}

// terse returns what an owner of a receiver learns of a connection that was not made: not
// where its name leads to, nor who said so.
func terse(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errNotPublic):
		return "its address is not a public one"
	case errors.As(err, &name):
		return "its name is not known"
	case errors.As(err, &certificate):
		return "its certificate is not valid"
	}
	return "no connection was made"
}
