package connector

import (
	"context"
	"time"
)

// Round runs a round that reads all.
func (f *Follower) Round(ctx context.Context) error {
	f.again = time.Time{}
	return f.round(ctx)
}
