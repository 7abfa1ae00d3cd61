package alerts

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"strings"
	"time"
	"unicode"
)

// mail makes one attempt to send a message by SMTP: with TLS from the start (smtps), or
// STARTTLS (smtp), without which nothing is sent unless the address says tls=off.
func (s *Sender) mail(ctx context.Context, to Receiver, m Message) (outcome string, err error) {
	ctx, cancel := context.WithTimeout(ctx, mailTimeout)
	defer cancel()
	implicit, off := to.url.Scheme == "smtps", to.url.Query().Get("tls") == "off"
	port := to.url.Port()
	if port == "" {
		port = map[bool]string{true: "465", false: "587"}[implicit]
	}
	host := to.url.Hostname()
	conn, err := s.guard.dial(ctx, "tcp", net.JoinHostPort(host, port), !off)
	if err != nil {
		return "", mailError(ctx, err)
	}
	defer conn.Close()
	// The client of SMTP knows no contexts.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	trust := &tls.Config{ServerName: host, RootCAs: s.roots}
	if implicit {
		conn = tls.Client(conn, trust)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return "", mailError(ctx, err)
	}
	defer client.Close()
	if !implicit && !off {
		if err := client.StartTLS(trust); err != nil {
			return "", mailError(ctx, fmt.Errorf("STARTTLS: %w", err))
		}
	}
	if to.user != "" {
		if err := client.Auth(smtp.PlainAuth("", to.user, to.password, host)); err != nil {
			return "", mailError(ctx, fmt.Errorf("sign in: %w", err))
		}
	}
	if err := client.Mail(to.from.Address); err != nil {
		return "", mailError(ctx, err)
	}
	for _, a := range to.to {
		if err := client.Rcpt(a.Address); err != nil {
			return "", mailError(ctx, err)
		}
	}
	w, err := client.Data()
	if err != nil {
		return "", mailError(ctx, err)
	}
	if _, err := w.Write(mailText(to, m)); err != nil {
		return "", mailError(ctx, err)
	}
	if err := w.Close(); err != nil {
		return "", mailError(ctx, err)
	}
	_ = client.Quit() // the server has taken the mail
	return "accepted", nil
}

func mailError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &refused{text: "it did not answer in time"}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &refused{text: cut(oneLine(err.Error()), 300)}
}

// mailText returns the message with its headers. No text becomes a header of its own:
// line ends are taken out, and what is not plain is encoded.
func mailText(to Receiver, m Message) []byte {
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	var all []string
	for _, a := range to.to {
		all = append(all, a.String())
	}
	_, domain, _ := strings.Cut(to.from.Address, "@")
	header("From", to.from.String())
	header("To", strings.Join(all, ",\r\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", oneLine(cut(m.Title, 200))))
	header("Date", m.At.UTC().Format(time.RFC1123Z))
	header("Message-Id", "<"+m.ID+"@"+domain+">")
	header("Auto-Submitted", "auto-generated")
	header("Mime-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.Join(nonEmpty(oneLine(m.Title), oneLine(m.Text), m.URL), "\r\n\r\n") + "\r\n\r\n-- \r\n" + oneLine(m.Economy) + ", rule " + m.Rule + "\r\n"))
	_ = w.Close()
	return b.Bytes()
}

// oneLine returns a text without line ends and other controls.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
