package alerts

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A mailServer is as much of one as a client needs.
type mailServer struct {
	address string
	trust   *tls.Config
	roots   *x509.CertPool
	said    chan []string // the commands of a connection, and at its end the mail
}

// newMailServer starts a server: with TLS from the start, or with STARTTLS if it offers
// that.
func newMailServer(t *testing.T, implicit, offers bool) *mailServer {
	t.Helper()
	// The certificate is that of the tests of net/http.
	site := httptest.NewUnstartedServer(nil)
	site.StartTLS()
	t.Cleanup(site.Close)
	roots := x509.NewCertPool()
	roots.AddCert(site.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &mailServer{listener.Addr().String(), &tls.Config{Certificates: site.TLS.Certificates}, roots, make(chan []string, 1)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if implicit {
				conn = tls.Server(conn, s.trust)
			}
			s.said <- s.talk(conn, offers)
		}
	}()
	return s
}

func (s *mailServer) talk(conn net.Conn, offers bool) (said []string) {
	defer func() { conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	answer := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	lines := bufio.NewReader(conn)
	answer("220 ready")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return said
		}
		said = append(said, strings.TrimSpace(line))
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
		case "EHLO":
			if offers {
				answer("250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN")
			} else {
				answer("250-here\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			answer("220 go on")
			conn = tls.Server(conn, s.trust)
			lines = bufio.NewReader(conn)
		case "DATA":
			answer("354 go on")
			var text bytes.Buffer
			for line != ".\r\n" {
				if line, err = lines.ReadString('\n'); err != nil {
					return said
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			said = append(said, text.String())
			answer("250 taken")
		case "AUTH":
			answer("235 welcome")
		case "QUIT":
			answer("221 bye")
			return said
		default:
			answer("250 ok")
		}
	}
}

func (s *mailServer) receiver(t *testing.T, scheme, query string) Receiver {
	t.Helper()
	u, err := url.Parse(scheme + "://" + s.address + query)
	if err != nil {
		t.Fatal(err)
	}
	return Receiver{Name: "mail", Form: Email, url: u, from: mail.Address{Name: "Exchequer", Address: "alerts@example.org"},
		to: []mail.Address{{Name: "Ann Ärger", Address: "ann@example.org"}, {Address: "bob@example.org"}}, user: "alerts", password: "hush"}
}

func (s *mailServer) sender() *Sender {
	sender := NewSender(loopback, "test")
	sender.roots = s.roots
	return sender
}

func TestAMailIsSentEncryptedAndNoTextBecomesAHeader(t *testing.T) {
	m := Message{ID: "id1", Rule: "rule", At: time.Now(), Title: "Diamond\r\nBcc: evil@example.org\r\n\r\ncosts ₤26", Text: "One\r\n.\r\nQUIT\r\ntwo", URL: "https://economy.test/items/diamond", Economy: "Port Test"}
	for name, c := range map[string]struct {
		scheme   string
		implicit bool
	}{"TLS": {"smtps", true}, "STARTTLS": {"smtp", false}} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, c.implicit, !c.implicit)
			outcome, err := s.sender().Send(t.Context(), s.receiver(t, c.scheme, ""), m)
			if err != nil || outcome != "accepted" {
				t.Fatalf("Send = %q, %v", outcome, err)
			}
			said := <-s.said
			text := strings.Join(said, "\n")
			for _, want := range []string{"AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00alerts\x00hush")), "MAIL FROM:<alerts@example.org>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>"} {
				if !strings.Contains(text, want) {
					t.Errorf("the client did not say %q:\n%s", want, text)
				}
			}
			if strings.Count(text, "RCPT TO:") != 2 || said[len(said)-1] != "QUIT" || strings.Count(text, "QUIT\n") != 0 {
				t.Errorf("the client said\n%s", text)
			}
			got, err := mail.ReadMessage(strings.NewReader(said[len(said)-2]))
			if err != nil {
				t.Fatal(err)
			}
			if got.Header.Get("Bcc") != "" || got.Header.Get("Message-Id") != "<id1@example.org>" || got.Header.Get("Auto-Submitted") != "auto-generated" || !strings.HasPrefix(got.Header.Get("Subject"), "=?utf-8?q?Diamond__Bcc:_evil@example.org____costs_") {
				t.Errorf("the headers are %q", got.Header)
			}
			if to, err := got.Header.AddressList("To"); err != nil || len(to) != 2 || to[0].Name != "Ann Ärger" {
				t.Errorf("it is to %v, %v", to, err)
			}
		})
	}
}

func TestAMailIsNotSentInPlainText(t *testing.T) {
	for name, c := range map[string]struct{ scheme, query, want string }{
		"without STARTTLS":             {"smtp", "", "STARTTLS: "},
		"with a certificate of others": {"smtps", "", "certificate"},
		"unless that is said":          {"smtp", "?tls=off", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, c.scheme == "smtps", false)
			sender := s.sender()
			sender.roots = nil
			_, err := sender.Send(t.Context(), s.receiver(t, c.scheme, c.query), Message{ID: "id1", Title: "x", Text: "y"})
			if got := errorText(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("Send = %q, want %q", got, c.want)
			}
			if said := strings.Join(<-s.said, "\n"); c.want != "" && (strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL")) {
				t.Errorf("the client said %s", said)
			}
		})
	}
	s := newMailServer(t, false, true)
	if _, err := NewSender(nil, "test").Send(t.Context(), s.receiver(t, "smtp", ""), Message{ID: "id1"}); !strings.Contains(errorText(err), "127.0.0.1 is not a public address") {
		t.Errorf("a server that is not public: %v", err)
	}
}
