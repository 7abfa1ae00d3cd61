package alerts

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"strings"
)

// A Form is how a message is sent.
type Form string

// The forms.
const (
	Webhook Form = "webhook" // signed JSON
	Discord Form = "discord"
	Slack   Form = "slack"
	Email   Form = "email"
)

// A Receiver is where alerts are sent to.
type Receiver struct {
	Owner string // who has signed in; empty: it is the operators'
	Name  string
	Form  Form

	url    *url.URL // of a hook, or of a mail server; for some a secret
	secret []byte   // that signs a webhook

	from     mail.Address
	to       []mail.Address
	user     string
	password string
}

type fileReceiver struct {
	Name    string `toml:"name"`
	Kind    string `toml:"kind"`
	URL     string `toml:"url"`
	URLFile string `toml:"url_file"`
	URLEnv  string `toml:"url_env"`

	SecretFile string `toml:"secret_file"`
	SecretEnv  string `toml:"secret_env"`

	From         string   `toml:"from"`
	To           []string `toml:"to"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password_file"`
	PasswordEnv  string   `toml:"password_env"`
}

// mostRecipients is how many addresses a mail goes to.
const mostRecipients = 20

func (f fileReceiver) receiver(env func(string) string) (r Receiver, err error) {
	r = Receiver{Name: f.Name, Form: Form(f.Kind), user: f.User}
	address, err := oneOf("url", f.URL, f.URLFile, f.URLEnv, env)
	if err != nil {
		return r, err
	}
	schemes := []string{"https", "http"}
	switch r.Form {
	case Webhook, Discord, Slack:
		if f.From != "" || len(f.To) > 0 || f.User != "" || f.PasswordFile != "" || f.PasswordEnv != "" {
			return r, fmt.Errorf("%s has no from, to, user or password: leave them out", r.Form)
		}
	case Email:
		schemes = []string{"smtps", "smtp"}
	default:
		return r, fmt.Errorf("kind = %q: want webhook, discord, slack or email", f.Kind)
	}
	if r.url, err = parseTarget(address, schemes); err != nil {
		return r, err
	}
	if r.Form == Email {
		return r, r.readMail(f, env)
	}
	secret, err := oneOf("secret", "", f.SecretFile, f.SecretEnv, env)
	switch {
	case err != nil:
		return r, err
	case r.Form != Webhook && secret != "":
		return r, fmt.Errorf("%s has no secret but its address: leave it out", r.Form)
	case r.Form == Webhook:
		r.secret, err = parseSecret(secret)
	}
	return r, err
}

// parseTarget reads an address. The error does not have it, since it may be a secret.
func parseTarget(address string, schemes []string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != schemes[0] && u.Scheme != schemes[1] {
		return nil, fmt.Errorf("its url is not an address such as %s://host/…, without a user, a password or a #", schemes[0])
	}
	return u, nil
}

// secretPrefix begins secrets as the libraries for such webhooks take them.
const secretPrefix = "whsec_"

func parseSecret(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, errors.New(`a webhook needs secret_file or secret_env, with whsec_ and 24 to 64 random bytes in base64: echo "whsec_$(openssl rand -base64 32)"`)
	}
	return secret, nil
}

func (r *Receiver) readMail(f fileReceiver, env func(string) string) error {
	from, err := mail.ParseAddress(f.From)
	if err != nil {
		return fmt.Errorf("from = %q: want an address such as \"Exchequer <alerts@example.org>\"", f.From)
	}
	r.from = *from
	for _, text := range f.To {
		to, err := mail.ParseAddress(text)
		if err != nil {
			return fmt.Errorf("to: %q is not an address of mail", text)
		}
		r.to = append(r.to, *to)
	}
	if len(r.to) == 0 || len(r.to) > mostRecipients {
		return fmt.Errorf("to: want 1 to %d addresses of mail", mostRecipients)
	}
	if f.SecretFile != "" || f.SecretEnv != "" {
		return errors.New("email has no secret but a password: leave it out")
	}
	if q := r.url.Query(); len(q) > 1 || q.Has("tls") && q.Get("tls") != "off" || len(q) == 1 && !q.Has("tls") {
		return errors.New("url: the only option is ?tls=off")
	}
	r.password, err = oneOf("password", "", f.PasswordFile, f.PasswordEnv, env)
	if err == nil && (r.user == "") != (r.password == "") {
		err = errors.New("user and password (password_file or password_env) go together")
	}
	return err
}

// oneOf returns a setting that is given directly, in a file, or in a variable of the
// environment.
func oneOf(name, value, file, variable string, env func(string) string) (string, error) {
	given := 0
	for _, text := range []string{value, file, variable} {
		if text != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return "", fmt.Errorf("%s is given in several ways: give it once", name)
	case variable != "":
		if value = env(variable); value == "" {
			return "", fmt.Errorf("%s_env: the environment has no %s", name, variable)
		}
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%s_file: %w", name, err)
		}
		value = string(text)
	}
	return strings.TrimSpace(value), nil
}

// target returns a hash of the address, by which a change of it is known.
func (r Receiver) target() []byte {
	h := sha256.New()
	fmt.Fprintln(h, r.Form, r.url, r.from.Address, r.user, r.to)
	return h.Sum(nil)
}
