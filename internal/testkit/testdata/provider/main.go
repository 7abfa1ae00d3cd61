// Command provider is an OpenID Connect provider for tests: zitadel's, with users who are
// in groups. It serves on 127.0.0.1 until its input ends, and prints its address.
//
//	ann (town-admins), vic (town-viewers), nora (neither); the password is "verysecure"
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var groups = map[string][]string{"ann": {"bakers", "town-admins"}, "vic": {"town-viewers"}, "nora": {"bakers"}}

type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User         { return u[id] }
func (u users) GetUserByUsername(name string) *storage.User { return u[name] }
func (u users) ExampleClientID() string                     { return "service" }

// inGroups adds the groups of a user to what is said of them.
type inGroups struct{ *storage.Storage }

func (s inGroups) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	err := s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
	info.AppendClaims("groups", groups[token.GetSubject()])
	return err
}

func (s inGroups) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	err := s.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin)
	info.AppendClaims("groups", groups[subject])
	return err
}

func main() {
	redirect := os.Args[1:]
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	all := users{}
	for name := range groups {
		all[name] = &storage.User{ID: name, Username: name, Password: "verysecure", FirstName: name, LastName: "of Town"}
	}
	storage.RegisterClients(storage.WebClient("exchequer", "secret", redirect...))
	handler := exampleop.SetupServer(issuer, inGroups{storage.NewStorage(all)}, slog.New(slog.NewTextHandler(os.Stderr, nil)), false)
	go func() { log.Fatal(http.Serve(listener, handler)) }()
	fmt.Println(issuer)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
