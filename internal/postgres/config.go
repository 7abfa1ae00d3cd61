package postgres

import (
	"fmt"
	"log/slog"
	"net/http"
)

// EmbeddedConfig is the configuration of an embedded server.
type EmbeddedConfig struct {
	Dir      string            // created if necessary
	Log      *slog.Logger      // nil: silent
	Settings map[string]string // of the server, overriding those of the program
	Source   Source            // of Postgres, if the machine has none
}

// A Source is where Postgres is fetched from if the machine has none. The zero value
// is Maven Central, and only releases with a known checksum.
type Source struct {
	Repository string // an https address in Maven's layout
	SHA256     string // of the archive, in hex; overrides the known one

	transport http.RoundTripper // for tests; nil otherwise
}

// An InUseError is returned if another program runs the server of a directory. URL
// is the address of that server.
type InUseError struct {
	Dir string
	PID int
	URL string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("data directory %s is in use by exchequer with pid %d: stop it, or choose another --data-dir", e.Dir, e.PID)
}
