package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A forger is a provider that says what a test wants, which no real one does.
type forger struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any // of the next token
	signer *rsa.PrivateKey
	info   map[string]any // at the userinfo endpoint
	away   atomic.Bool
	asked  atomic.Int64 // for what it says of itself
}

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{key: key, signer: key}
	answer := func(pattern string, value func() any) {
		f.Config.Handler.(*http.ServeMux).HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			if f.away.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(value())
		})
	}
	f.Server = httptest.NewUnstartedServer(http.NewServeMux())
	answer("/.well-known/openid-configuration", func() any {
		f.asked.Add(1)
		return map[string]any{"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys", "userinfo_endpoint": f.URL + "/info", "id_token_signing_alg_values_supported": []string{"RS256"}}
	})
	answer("/keys", func() any {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1", Algorithm: "RS256", Use: "sig"}}}
	})
	answer("/info", func() any { return f.info })
	answer("/token", func() any {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: f.signer, KeyID: "1"}}, nil)
		if err != nil {
			return err.Error()
		}
		text, _ := json.Marshal(f.claims)
		signed, err := signer.Sign(text)
		if err != nil {
			return err.Error()
		}
		token, _ := signed.CompactSerialize()
		return map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token}
	})
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// admin are the claims of an admin.
func (f *forger) admin(nonce string) map[string]any {
	return map[string]any{"iss": f.URL, "aud": "exchequer", "sub": "ann", "name": "Ann", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"nonce": nonce, "groups": []string{"town-admins"}}
}

// service returns one whose people sign in at the forger.
func (f *forger) service(t *testing.T) *Service {
	t.Helper()
	d := deps(nil)
	d.Provider = atProvider(f.URL)
	s, err := newService(d, &inMemory{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.provider.http.CloseIdleConnections)
	return s
}

func TestTokensThatAreNotForUsAreRefused(t *testing.T) {
	f := newForger(t)
	s := f.service(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		change func(claims map[string]any)
		signer *rsa.PrivateKey
		info   map[string]any
		want   error
	}{
		"as it should be":           {func(map[string]any) {}, f.key, nil, nil},
		"of another issuer":         {func(c map[string]any) { c["iss"] = "https://other.example" }, f.key, nil, ErrRefused},
		"for another client":        {func(c map[string]any) { c["aud"] = "other" }, f.key, nil, ErrRefused},
		"expired":                   {func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, f.key, nil, ErrRefused},
		"without an end":            {func(c map[string]any) { delete(c, "exp") }, f.key, nil, ErrRefused},
		"without a nonce":           {func(c map[string]any) { delete(c, "nonce") }, f.key, nil, ErrRefused},
		"with another nonce":        {func(c map[string]any) { c["nonce"] = "x" }, f.key, nil, ErrRefused},
		"of nobody":                 {func(c map[string]any) { c["sub"] = "" }, f.key, nil, ErrRefused},
		"signed by a stranger":      {func(map[string]any) {}, stranger, nil, ErrRefused},
		"without the claim":         {func(c map[string]any) { delete(c, "groups") }, f.key, map[string]any{"sub": "ann"}, ErrNoRole},
		"with the claim elsewhere":  {func(c map[string]any) { delete(c, "groups") }, f.key, map[string]any{"sub": "ann", "groups": []string{"town-admins"}}, nil},
		"with somebody else's info": {func(c map[string]any) { delete(c, "groups") }, f.key, map[string]any{"sub": "bob", "groups": []string{"town-admins"}}, ErrRefused},
	} {
		address, kept, err := s.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		asked, _ := url.Parse(address)
		f.claims = f.admin(asked.Query().Get("nonce"))
		f.signer, f.info = c.signer, c.info
		c.change(f.claims)
		who, token, _, err := s.Finish(t.Context(), "", kept, url.Values{"state": asked.Query()["state"], "code": {"c"}})
		if !errors.Is(err, c.want) || (err == nil) != (token != "") || err == nil && who.Role != Admin {
			t.Errorf("a token %s: %+v, %v, want %v", what, who, err, c.want)
		}
	}
}

func TestAProviderThatIsAwayIsAskedAgainNowAndThen(t *testing.T) {
	f := newForger(t)
	f.away.Store(true)
	s := f.service(t)
	start := time.Now()
	for range 50 {
		if _, _, err := s.Begin(t.Context(), "/"); !errors.Is(err, ErrAway) {
			t.Fatalf("Begin = %v", err)
		}
	}
	if _, _, err := s.Password(t.Context(), "", LocalName, password); err != nil {
		t.Errorf("the local admin, while the provider is away: %v", err)
	}
	f.away.Store(false)
	for {
		_, _, err := s.Begin(t.Context(), "/")
		if err == nil {
			break
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("the provider is back, and Begin = %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := f.asked.Load(); n > 1 {
		t.Errorf("once it was back it was asked %d times what it is", n)
	}
}

func TestWhoseProviderGoesAwayMeanwhileCanTryAgain(t *testing.T) {
	f := newForger(t)
	s := f.service(t)
	address, kept, err := s.Begin(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	asked, _ := url.Parse(address)
	f.claims = f.admin(asked.Query().Get("nonce"))
	back := url.Values{"state": asked.Query()["state"], "code": {"c"}}
	f.away.Store(true)
	if _, _, _, err := s.Finish(t.Context(), "", kept, back); !errors.Is(err, ErrAway) {
		t.Errorf("Finish, while the provider is away = %v, want %v", err, ErrAway)
	}
	if s.ProviderAnswers(t.Context()) {
		t.Error("a provider that is away is said to answer")
	}
	f.away.Store(false)
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		who, token, _, err := s.Finish(t.Context(), "", kept, back)
		if err == nil && who.Role == Admin && token != "" {
			break
		}
		if time.Since(start) > 30*time.Second {
			t.Fatalf("the provider is back, and Finish = %+v, %v", who, err)
		}
	}
}
