package views

import "context"

// Where people sign in and out, from the root of the host.
const (
	SignInPath  = "/sign-in"
	SignOutPath = "/sign-out"
)

// A SignIn is what the page for signing in shows.
type SignIn struct {
	Next         string // where the reader wants to go
	Provider     string // what the provider is called; empty: there is none
	ProviderPath string // where the way to it begins
	Away         bool   // it does not answer
	Local        bool   // there is a local admin, who has a password
	Name         string // that was written at the last try
	Problem      string // why it failed
	Role         string // of the reader, if they have signed in
}

type readerKey struct{}

// For returns a context in which pages are those of a reader of this name, who has signed
// in.
func For(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, readerKey{}, name)
}

// readerOf returns the name of who has signed in, empty for all others.
func readerOf(ctx context.Context) string {
	name, _ := ctx.Value(readerKey{}).(string)
	return name
}
