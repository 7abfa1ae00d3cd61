package signin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

func TestWhoIsKnownToTheProviderGetsTheRoleOfTheirGroups(t *testing.T) {
	db := testkit.Postgres(t)
	d := deps(db)
	d.Provider = atProvider(testProvider(t))
	s := started(t, d)

	begin := func() (address, kept string) {
		t.Helper()
		address, kept, err := s.Begin(t.Context(), "/accounts?at=2026-01-01")
		if err != nil {
			t.Fatal(err)
		}
		return address, kept
	}
	for name, want := range map[string]Role{"ann": Admin, "vic": Viewer, "nora": Visitor} {
		address, kept := begin()
		if asked, _ := url.Parse(address); asked.Query().Get("code_challenge_method") != "S256" || asked.Query().Get("nonce") == "" || strings.Contains(address, "secret") {
			t.Errorf("the provider is asked by %s", address)
		}
		query := atLogin(t, address, name)
		who, token, next, err := s.Finish(t.Context(), "", kept, query)
		if next != "/accounts?at=2026-01-01" || want == Visitor && (!errors.Is(err, ErrNoRole) || token != "") || want != Visitor && err != nil {
			t.Errorf("%s: %+v, %q, %v", name, who, next, err)
		}
		if who.Role != want || who.Name != name+" of Town" || who.Subject != "oidc:"+d.Provider.Issuer+"#"+name {
			t.Errorf("%s is %+v", name, who)
		}
		if found, err := s.Find(t.Context(), token); want != Visitor && (err != nil || found != who) {
			t.Errorf("the session of %s: %+v, %v", name, found, err)
		}
		if _, token, _, err := s.Finish(t.Context(), "", kept, query); !errors.Is(err, ErrRefused) || token != "" {
			t.Errorf("a code that was used: %v", err)
		}
	}

	address, kept := begin()
	query := atLogin(t, address, "ann")
	_, others := begin()
	edit := func(name, value string) url.Values {
		edited := url.Values{}
		for key, values := range query {
			edited[key] = values
		}
		edited.Set(name, value)
		return edited
	}
	keep := func(change func(*pending)) string {
		var w pending
		text, _ := base64.RawURLEncoding.DecodeString(kept)
		if err := json.Unmarshal(text, &w); err != nil {
			t.Fatal(err)
		}
		change(&w)
		text, _ = json.Marshal(w)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	for what, c := range map[string]struct {
		kept  string
		query url.Values
		want  error
	}{
		"nothing was begun":                   {"", query, ErrNotBegun},
		"another sign-in was begun":           {others, query, ErrNotBegun},
		"what was kept is no text":            {"%%%", query, ErrNotBegun},
		"nothing was kept, and nothing sent":  {keep(func(w *pending) { w.State = "" }), edit("state", ""), ErrNotBegun},
		"another state":                       {kept, edit("state", "forged"), ErrNotBegun},
		"another issuer":                      {kept, edit("iss", "https://evil.example"), ErrRefused},
		"the owner said no":                   {kept, edit("error", "access_denied"), ErrRefused},
		"another code":                        {kept, edit("code", "forged"), ErrRefused},
		"no code":                             {kept, edit("code", ""), ErrRefused},
		"another verifier than that of begin": {keep(func(w *pending) { w.Verifier = strings.Repeat("x", 43) }), query, ErrRefused},
	} {
		if _, token, _, err := s.Finish(t.Context(), "", c.kept, c.query); !errors.Is(err, c.want) || token != "" {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	address, kept = begin()
	query = atLogin(t, address, "ann")
	if _, token, _, err := s.Finish(t.Context(), "", keep(func(w *pending) { w.Nonce = "forged" }), query); !errors.Is(err, ErrRefused) || token != "" {
		t.Errorf("another nonce: %v", err)
	}
}

func TestClaimsGiveRoles(t *testing.T) {
	for name, c := range map[string]struct {
		claim, admins, viewers, claims string
		want                           Role
	}{
		"a list":                     {"groups", "a", "v", `{"groups": ["x", "v"]}`, Viewer},
		"the higher of two":          {"groups", "a", "v", `{"groups": ["v", "a"]}`, Admin},
		"a text":                     {"role", "a", "v", `{"role": "a"}`, Admin},
		"a path":                     {"realm_access.roles", "a", "v", `{"realm_access": {"roles": ["a"]}}`, Admin},
		"a name with full stops":     {"https://x.example/roles", "a", "v", `{"https://x.example/roles": ["v"]}`, Viewer},
		"nothing":                    {"groups", "a", "v", `{}`, Visitor},
		"another type":               {"groups", "a", "v", `{"groups": {"a": true}}`, Visitor},
		"numbers":                    {"groups", "1", "v", `{"groups": [1]}`, Visitor},
		"a part of a name":           {"groups", "admins", "v", `{"groups": ["admin", "admins2"]}`, Visitor},
		"another case":               {"groups", "admins", "v", `{"groups": ["Admins"]}`, Visitor},
		"everybody":                  {"groups", "a", "*", `{}`, Viewer},
		"a group called everybody":   {"groups", "x", "v", `{"groups": ["*"]}`, Visitor},
		"a path through what is not": {"a.b.c", "a", "v", `{"a": {"b": "a"}}`, Visitor},
	} {
		claims := map[string]any{}
		if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
			t.Fatal(err)
		}
		at := &client{Provider: Provider{Claim: c.claim, Admins: []string{c.admins}, Viewers: []string{c.viewers}}}
		if got := at.roleOf(claims); got != c.want {
			t.Errorf("%s: %s gives %s, want %s", name, c.claims, got, c.want)
		}
	}
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Deps){
		"neither a provider nor":      func(d *Deps) { d.LocalHash, d.Provider = "", nil },
		"not reached by https":        func(d *Deps) { d.Provider.Issuer = "http://login.example.org" },
		"not the address":             func(d *Deps) { d.Provider.Issuer = "login.example.org" },
		"client id is missing":        func(d *Deps) { d.Provider.ClientID = "" },
		"no value of the claim":       func(d *Deps) { d.Provider.Admins, d.Provider.Viewers = nil, nil },
		"claim that gives the role":   func(d *Deps) { d.Provider.Claim = "" },
		"own address is not known":    func(d *Deps) { d.Provider.Callback = "" },
		"not one of argon2id":         func(d *Deps) { d.LocalHash = "$2a$10$abcdefghijklmnopqrstuv" },
		"costs 1048576 KiB":           func(d *Deps) { d.LocalHash = strings.Replace(testkit.PasswordHash(), "m=8192", "m=1048576", 1) },
		"too weak":                    func(d *Deps) { d.LocalHash = strings.Replace(testkit.PasswordHash(), "m=8192", "m=64", 1) },
		"sessions of 1h0m0s":          func(d *Deps) { d.Lifetime = 3600e9 },
		"168h0m0s, or 1s without use": func(d *Deps) { d.Idle = 1e9 },
	} {
		d := deps(nil)
		d.Provider = atProvider("https://login.example.org")
		change(&d)
		if _, err := New(d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		}
	}
}

func TestAServiceSaysHowPeopleSignIn(t *testing.T) {
	d := deps(nil)
	if s := started(t, d); s.ProviderName() != "" || s.ProviderAnswers(t.Context()) {
		t.Errorf("without a provider there is %q", s.ProviderName())
	}
	d.Provider = atProvider("https://login.example.org")
	d.Provider.Name = ""
	if name := started(t, d).ProviderName(); name == "" {
		t.Error("a provider that was given no name cannot be chosen")
	}
}
