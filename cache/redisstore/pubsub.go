package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
)

const (
	listenQuiet = 3 * time.Second        // without a message, check the connection
	listenAgain = 200 * time.Millisecond // before the next connection
)

// Listen implements [cache.Store]. It uses a connection of its own, and opens
// another when that breaks.
func (s *Store) Listen(handle func(cache.Message)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			s.listen(ctx, handle)
			select {
			case <-time.After(listenAgain/2 + rand.N(listenAgain)):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// listen handles messages until the connection breaks.
func (s *Store) listen(ctx context.Context, handle func(cache.Message)) {
	pubsub := s.client.Subscribe(ctx, s.channel(), sharedChannel)
	defer pubsub.Close()
	// ReceiveTimeout ignores ctx; closing the connection ends it.
	defer context.AfterFunc(ctx, func() { pubsub.Close() })()
	pinged := false
	for ctx.Err() == nil {
		got, err := pubsub.ReceiveTimeout(ctx, listenQuiet)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && !pinged:
			// Another subscription is answered, and needs no rights beyond the first.
			if pubsub.Subscribe(ctx, sharedChannel) != nil {
				return
			}
			pinged = true
			continue
		case err != nil:
			return
		}
		pinged = false
		switch got := got.(type) {
		case *redis.Subscription:
			if got.Channel != sharedChannel {
				handle(cache.Message{Connected: true})
			}
		case *redis.Message:
			if m, ok := parseMessage(got.Payload); ok {
				handle(m)
			}
		}
	}
}

// formatMessage returns the message of invalidations: "invalidated", and a line
// with the generation, the mode and the scope of each.
func formatMessage(list []cache.Invalidation) string {
	var text strings.Builder
	text.WriteString("invalidated")
	for _, i := range list {
		fmt.Fprintf(&text, "\n%d %s %s", i.Generation, i.Mode, i.Scope)
	}
	return text.String()
}

// parseMessage parses that message, and "ready KEY". It returns false for others.
func parseMessage(text string) (cache.Message, bool) {
	if key, ok := strings.CutPrefix(text, "ready "); ok {
		return cache.Message{Ready: key}, true
	}
	rest, ok := strings.CutPrefix(text, "invalidated\n")
	if !ok {
		return cache.Message{}, false
	}
	var m cache.Message
	for line := range strings.SplitSeq(rest, "\n") {
		number, rest, _ := strings.Cut(line, " ")
		mode, scope, _ := strings.Cut(rest, " ")
		generation, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return cache.Message{}, false
		}
		m.Invalidations = append(m.Invalidations, cache.Invalidation{Scope: scope, Mode: cache.ParseMode(mode), Generation: generation})
	}
	return m, true
}
