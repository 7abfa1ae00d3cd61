//go:build !unix

package postgres

import (
	"context"
	"errors"
)

// An Embedded is a Postgres server that the program runs. There is none on this system.
type Embedded struct{}

// StartEmbedded returns an error: what keeps an embedded server to itself are Unix sockets
// and the owners of files.
func StartEmbedded(context.Context, EmbeddedConfig) (*Embedded, error) {
	return nil, errors.New("there is no embedded Postgres on this system: set DATABASE_URL to a Postgres of your own")
}

// URL is never called.
func (*Embedded) URL() string { return "" }

// Done is never called.
func (*Embedded) Done() <-chan struct{} { return nil }

// Err is never called.
func (*Embedded) Err() error { return nil }

// Stop does nothing.
func (*Embedded) Stop(context.Context) error { return nil }
