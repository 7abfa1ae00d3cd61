package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache/redisstore"
	"exchequer/internal/testkit"
)

// certificates writes the certificates of an authority, and those of a server and
// a client that it has signed, to files.
func certificates(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var authority *x509.Certificate
	var signer *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		about := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if i == 0 {
			authority, signer = about, key
		}
		signed, err := x509.CreateCertificate(rand.Reader, about, authority, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", signed)
		write(name+".key", "EC PRIVATE KEY", private)
	}
	return dir
}

// connect returns a store at an address.
func connect(t *testing.T, url string, a redisstore.Access) *redisstore.Store {
	t.Helper()
	o := optionsOf(t, url)
	if err := a.Grant(&o); err != nil {
		t.Fatal(err)
	}
	store := redisstore.New(o, "town:1")
	t.Cleanup(func() { store.Close() })
	return store
}

func optionsOf(t *testing.T, url string) redis.UniversalOptions {
	t.Helper()
	o, err := redisstore.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// load calls the store, and returns its error.
func load(t *testing.T, s *redisstore.Store) error {
	t.Helper()
	_, err := s.Load(t.Context(), "exchequer:{t:m}:s:load")
	return err
}

func TestRedisIsReachedByTLSWithCertificatesOfOnesOwn(t *testing.T) {
	t.Parallel()
	dir := certificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	secure := testkit.FreeAddr(t)
	_, port, _ := net.SplitHostPort(secure)
	testkit.Redis(t, "tls-port "+port, "tls-cert-file "+file("server.pem"), "tls-key-file "+file("server.key"), "tls-ca-cert-file "+file("ca.pem"))
	url := "rediss://" + secure
	store := connect(t, url, redisstore.Access{CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")})
	if err := load(t, store); err != nil {
		t.Errorf("with both certificates: %v", err)
	}
	for name, access := range map[string]redisstore.Access{
		"without the authority":       {CertFile: file("client.pem"), KeyFile: file("client.key")},
		"without a client's own":      {CAFile: file("ca.pem")},
		"with a stranger's authority": {CAFile: filepath.Join(certificates(t), "ca.pem"), CertFile: file("client.pem"), KeyFile: file("client.key")},
	} {
		store := connect(t, url, access)
		// The server may close the connection before its reason has arrived.
		for end := time.Now().Add(10 * time.Second); ; {
			err := load(t, store)
			if err == nil {
				t.Errorf("%s, it is let in", name)
			}
			if err == nil || strings.Contains(err.Error(), "certificate") {
				break
			}
			if time.Now().After(end) {
				t.Errorf("%s: %v, want an error about certificates", name, err)
				break
			}
		}
	}
}

func TestAccessThatMakesNoSenseIsRefused(t *testing.T) {
	dir := certificates(t)
	ca := filepath.Join(dir, "ca.pem")
	for name, c := range map[string]struct {
		url    string
		access redisstore.Access
	}{
		"certificates without TLS":   {"redis://host", redisstore.Access{CAFile: ca}},
		"an authority that is away":  {"rediss://host", redisstore.Access{CAFile: filepath.Join(dir, "none")}},
		"an authority that is a key": {"rediss://host", redisstore.Access{CAFile: filepath.Join(dir, "ca.key")}},
		"a certificate without key":  {"rediss://host", redisstore.Access{CertFile: ca}},
		"a key of another":           {"rediss://host", redisstore.Access{CertFile: ca, KeyFile: filepath.Join(dir, "client.key")}},
	} {
		o := optionsOf(t, c.url)
		if err := c.access.Grant(&o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSentinelsMayAskForAPasswordOfTheirOwn(t *testing.T) {
	t.Parallel()
	group := testkit.RedisSentinel(t)
	for _, s := range group.Sentinels {
		if _, err := s.Ask("ACL", "SETUSER", "watcher", "on", ">hush", "allchannels", "+@all"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ask("ACL", "SETUSER", "default", "off"); err != nil {
			t.Fatal(err)
		}
	}
	store := connect(t, group.URL(), redisstore.Access{SentinelUsername: "watcher", SentinelPassword: "hush"})
	if err := load(t, store); err != nil {
		t.Errorf("with the sentinels' password: %v", err)
	}
	stranger := connect(t, group.URL(), redisstore.Access{SentinelUsername: "watcher", SentinelPassword: "secret"})
	if err := load(t, stranger); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with another password: %v, want an error without it", err)
	}
}

func TestAPasswordIsNotInAnError(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t, "requirepass hush")
	wrong := connect(t, "redis://:secret@"+server.Addr, redisstore.Access{})
	if err := load(t, wrong); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with a wrong password: %v, want an error without it", err)
	}
	right := connect(t, "redis://:secret@"+server.Addr, redisstore.Access{Password: "hush"})
	if err := load(t, right); err != nil {
		t.Errorf("with the right password beside the address: %v", err)
	}
}
