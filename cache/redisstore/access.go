package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"
)

// Access has credentials for the servers. An empty field leaves what the address
// has.
type Access struct {
	Username, Password                 string
	SentinelUsername, SentinelPassword string
	CAFile                             string // certificate authorities of the servers, instead of the system's
	CertFile, KeyFile                  string // the client's certificate, read again for each connection
}

// Grant sets the options from the fields. The error is for files that cannot be
// used, and for certificates without TLS.
func (a Access) Grant(o *redis.UniversalOptions) error {
	if a.Username != "" {
		o.Username = a.Username
	}
	if a.Password != "" {
		o.Password = a.Password
	}
	o.SentinelUsername, o.SentinelPassword = a.SentinelUsername, a.SentinelPassword
	if a.CAFile == "" && a.CertFile == "" && a.KeyFile == "" {
		return nil
	}
	if o.TLSConfig == nil {
		return errors.New("certificates of Redis: its address is not a rediss:// one, so there is no TLS")
	}
	if (a.CertFile == "") != (a.KeyFile == "") {
		return errors.New("certificates of Redis: our own needs both its file and that of its key")
	}
	if a.CAFile != "" {
		text, err := os.ReadFile(a.CAFile)
		if err != nil {
			return fmt.Errorf("certificates of Redis: %w", err)
		}
		o.TLSConfig.RootCAs = x509.NewCertPool()
		if !o.TLSConfig.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("certificates of Redis: %s holds none", a.CAFile)
		}
	}
	if a.CertFile == "" {
		return nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificates of Redis: %w", err)
		}
		return &pair, nil
	}
	// The files may be renewed while the process runs.
	o.TLSConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	_, err := load()
	return err
}
