// Package signin is about who asks: visitors, and people who have signed in as viewers
// or admins.
package signin

import "context"

// A Role is what somebody may do. A higher one may do all that a lower one may.
type Role int

// The roles.
const (
	Visitor Role = iota
	Viewer       // sees what the ledger does not show to everybody
	Admin        // changes what the site does, too
)

// An Identity is who asks. The empty one is a visitor.
type Identity struct {
	Subject string // by which they are known for good
	Name    string // to be shown
	Role    Role
}

type identityKey struct{}

// With returns a context of a request by somebody.
func With(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// Who returns by whom the request behind ctx is.
func Who(ctx context.Context) Identity {
	who, _ := ctx.Value(identityKey{}).(Identity)
	return who
}
