// Package signin is about who asks: visitors, and people who have signed in as viewers
// or admins, at a provider by OpenID Connect or with the password of the local admin.
//
// Who has signed in has a session: a random token in a cookie, of which the database has
// the hash. A session ends when nobody uses it, at the end of its life, when its owner
// signs out, and when the configuration that gave the role changes. Every process knows of
// it within Remembered. No password, token or code is logged or kept.
package signin

import (
	"context"
	"fmt"
)

// A Role is what somebody may do. A higher one may do all that a lower one may.
type Role int

// The roles.
const (
	Visitor Role = iota
	Viewer       // sees what the ledger does not show to everybody
	Admin        // changes what the site does, too
)

var roleNames = [...]string{"visitor", "viewer", "admin"}

// String returns the role's name: "admin".
func (r Role) String() string {
	if r < Visitor || r > Admin {
		return fmt.Sprintf("Role(%d)", int(r))
	}
	return roleNames[r]
}

// parseRole returns the role of a name, Visitor if there is none.
func parseRole(name string) Role {
	for r, known := range roleNames {
		if name == known {
			return Role(r)
		}
	}
	return Visitor
}

// An Identity is who asks. The empty one is a visitor.
type Identity struct {
	Subject string // by which they are known for good; empty: they have not signed in
	Name    string // to be shown
	Role    Role
}

// SignedIn reports whether somebody has signed in. Who shows the key of a program has a
// role without that.
func (i Identity) SignedIn() bool { return i.Subject != "" }

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

// An Event is something about signing in that is worth a record. It has no secret.
type Event struct {
	What    What
	Who     Identity // as far as it is known
	Client  string   // address
	Problem string   // why it failed; empty if it did not
}

// What happened.
type What string

// The events.
const (
	SignedIn            What = "signed in"
	Refused             What = "sign-in refused"
	Locked              What = "sign-in locked"
	SignedOut           What = "signed out"
	SignedOutEverywhere What = "signed out everywhere"
)
