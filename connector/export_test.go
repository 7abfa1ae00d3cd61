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

// Hurry makes a follower of a website wait for a shorter time.
func (f *Follower) Hurry(patience time.Duration) {
	open := f.open
	f.open = func() (source, error) {
		s, err := open()
		if w, is := s.(*website); is {
			w.patience = patience
		}
		return s, err
	}
}
