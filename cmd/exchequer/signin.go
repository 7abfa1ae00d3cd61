package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

	"exchequer/signin"
	"exchequer/web"
)

// signInFlags say how people sign in. Without an issuer and a password nobody can.
type signInFlags struct {
	Issuer           string        `name:"oidc-issuer" env:"EXCHEQUER_OIDC_ISSUER" placeholder:"URL" help:"OpenID Connect provider by which people sign in, such as https://login.example.org/realms/town. Needs EXCHEQUER_URL."`
	ClientID         string        `name:"oidc-client-id" env:"EXCHEQUER_OIDC_CLIENT_ID" placeholder:"ID" help:"Id of this site at the provider."`
	ClientSecret     string        `name:"oidc-client-secret" env:"EXCHEQUER_OIDC_CLIENT_SECRET" placeholder:"SECRET" help:"Secret of this site at the provider; set it in the environment, which others cannot see."`
	ClientSecretFile string        `name:"oidc-client-secret-file" env:"EXCHEQUER_OIDC_CLIENT_SECRET_FILE" type:"path" placeholder:"FILE" help:"File that holds the secret."`
	ProviderName     string        `name:"oidc-name" default:"your account" env:"EXCHEQUER_OIDC_NAME" placeholder:"NAME" help:"What the link to the provider calls it: Sign in with NAME (default: ${default})."`
	Scopes           []string      `name:"oidc-scopes" default:"openid,profile" env:"EXCHEQUER_OIDC_SCOPES" placeholder:"SCOPE,…" help:"Scopes that the provider is asked for (default: ${default})."`
	Claim            string        `name:"oidc-claim" default:"groups" env:"EXCHEQUER_OIDC_CLAIM" placeholder:"NAME" help:"Claim that gives the role, or a path to it such as realm_access.roles (default: ${default})."`
	Admins           []string      `name:"oidc-admins" env:"EXCHEQUER_OIDC_ADMINS" placeholder:"VALUE,…" help:"Values of the claim that make an admin."`
	Viewers          []string      `name:"oidc-viewers" env:"EXCHEQUER_OIDC_VIEWERS" placeholder:"VALUE,…" help:"Values of the claim that make a viewer; *: everybody who can sign in."`
	PasswordHash     string        `name:"admin-password-hash" env:"EXCHEQUER_ADMIN_PASSWORD_HASH" placeholder:"HASH" help:"Hash of the local admin's password, as exchequer password prints it; set it in the environment, which others cannot see."`
	PasswordHashFile string        `name:"admin-password-hash-file" env:"EXCHEQUER_ADMIN_PASSWORD_HASH_FILE" type:"path" placeholder:"FILE" help:"File that holds the hash."`
	Idle             time.Duration `name:"session-idle" default:"12h" env:"EXCHEQUER_SESSION_IDLE" help:"How long a session lives that nobody uses."`
	Lifetime         time.Duration `name:"session-lifetime" default:"168h" env:"EXCHEQUER_SESSION_LIFETIME" help:"How long any session lives."`
}

// signs reports whether people can sign in.
func (f signInFlags) signs() bool { return f.Issuer+f.PasswordHash+f.PasswordHashFile != "" }

// service returns what lets people sign in to a site at an address, nil if nobody can. The
// database may be opened later.
func (f signInFlags) service(site baseURL, db func() *pgxpool.Pool, log *slog.Logger) (*signin.Service, error) {
	secretOf, err := secret("EXCHEQUER_OIDC_CLIENT_SECRET", f.ClientSecret, f.ClientSecretFile)
	if err != nil {
		return nil, err
	}
	hash, err := secret("EXCHEQUER_ADMIN_PASSWORD_HASH", f.PasswordHash, f.PasswordHashFile)
	if err != nil {
		return nil, err
	}
	d := signin.Deps{Config: signin.Config{LocalHash: hash, Idle: f.Idle, Lifetime: f.Lifetime}, DB: db, Log: log}
	switch {
	case f.Issuer != "" && site == "":
		return nil, errors.New("sign-in: with EXCHEQUER_OIDC_ISSUER, EXCHEQUER_URL must say how visitors reach the site: the provider sends them back there")
	case f.Issuer != "":
		d.Provider = &signin.Provider{
			Issuer: f.Issuer, ClientID: f.ClientID, ClientSecret: secretOf, Name: f.ProviderName, Scopes: f.Scopes,
			Claim: f.Claim, Admins: f.Admins, Viewers: f.Viewers, Callback: string(site) + web.SignInCallback,
		}
	case cmp.Or(f.ClientID, secretOf) != "" || len(f.Admins)+len(f.Viewers) > 0:
		return nil, errors.New("sign-in: EXCHEQUER_OIDC_ISSUER is missing, which the other settings of OpenID Connect are about")
	case hash == "":
		return nil, nil
	}
	s, err := signin.New(d)
	if err != nil {
		return nil, err
	}
	if at, err := url.Parse(string(site)); err == nil && at.Scheme == "http" && !strings.HasPrefix(at.Host, "localhost") && !strings.HasPrefix(at.Host, "127.") {
		log.Warn("people sign in to a site that is not reached by https: others can read their cookies on the way", "url", string(site))
	}
	return s, nil
}

// ways returns by which ways people sign in, for the log.
func ways(s *signin.Service) string {
	switch {
	case s == nil:
		return "off"
	case s.ProviderName() != "" && s.HasLocal():
		return "provider,password"
	case s.HasLocal():
		return "password"
	}
	return "provider"
}

// passwordCommand hashes a password for the local admin.
type passwordCommand struct{}

func (passwordCommand) Run(s streams) error {
	text, err := readPassword(os.Stdin, s.err)
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	hash, err := signin.HashPassword(text)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.err, "Set EXCHEQUER_ADMIN_PASSWORD_HASH to this, in quotes: it has dollar signs. The name to sign in with is "+signin.LocalName+".")
	fmt.Fprintln(s.out, hash)
	return nil
}

// readPassword reads a password, without showing it on a terminal, or else the first line.
func readPassword(from *os.File, to io.Writer) (string, error) {
	if fd := int(from.Fd()); term.IsTerminal(fd) {
		fmt.Fprint(to, "Password: ")
		first, err := term.ReadPassword(fd)
		if err != nil {
			return "", err
		}
		fmt.Fprint(to, "\nOnce more: ")
		second, err := term.ReadPassword(fd)
		fmt.Fprintln(to)
		if err != nil {
			return "", err
		}
		if string(first) != string(second) {
			return "", errors.New("these are two different ones")
		}
		return string(first), nil
	}
	line, err := bufio.NewReader(io.LimitReader(from, 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
