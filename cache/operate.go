package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// A RoundTrip is how long each step of TestRoundTrip took, zero for those that
// it did not come to.
type RoundTrip struct {
	Set    Seconds `json:"setSeconds"`
	Get    Seconds `json:"getSeconds"`
	Delete Seconds `json:"deleteSeconds"`
}

const roundTripBound = 3 * time.Second

// TestRoundTrip takes a lock that nobody needs at the shared level, reads who
// has it, and releases it. It asks the servers themselves, in an outage too, so
// that its error says what is wrong with them now.
func (c *Cache) TestRoundTrip(ctx context.Context) (RoundTrip, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTripBound)
	defer cancel()
	store, owner := c.store.Direct(), c.newOwner()
	key := fmt.Sprintf("exchequer:{%s:test}:%s", c.space, rand.Text())
	var trip RoundTrip
	for _, step := range []struct {
		name string
		took *Seconds
		do   func() error
	}{
		{"set", &trip.Set, func() error {
			_, err := store.Lock(ctx, key, owner, leaseFor)
			return err
		}},
		{"get", &trip.Get, func() error {
			read, _, err := store.Holder(ctx, key)
			if err == nil && read != owner {
				err = errors.New("what was read is not what was written")
			}
			return err
		}},
		{"delete", &trip.Delete, func() error { return store.Unlock(ctx, key, owner) }},
	} {
		began := time.Now()
		err := step.do()
		*step.took = SecondsOf(max(time.Since(began), 1)) // it was done
		if err != nil {
			return trip, fmt.Errorf("round trip: %s: %w", step.name, err)
		}
	}
	return trip, nil
}
