package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	listenQuiet = 3 * time.Second // without a message, see whether the connection lives
	listenAgain = 200 * time.Millisecond
)

// Listen implements Store, on a connection of its own.
func (r *Redis) Listen(hear func(Message)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			r.listen(ctx, hear)
			select {
			case <-time.After(jitter(listenAgain)):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// listen hears messages until the connection breaks. One that is made anew may
// be to a server that has lost its data, which is then given back.
func (r *Redis) listen(ctx context.Context, hear func(Message)) {
	era := r.outage.until()
	pubsub := r.client.Subscribe(ctx, r.messages(), redisMessages)
	defer pubsub.Close()
	// The receiver reads without regard to ctx; closing the connection ends it.
	// After an outage another server may be the master.
	for _, end := range []context.Context{ctx, era} {
		defer context.AfterFunc(end, func() { pubsub.Close() })()
	}
	asked := false
	for ctx.Err() == nil {
		got, err := pubsub.ReceiveTimeout(ctx, listenQuiet)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && !asked:
			// To subscribe again is answered, and needs no more rights.
			if pubsub.Subscribe(ctx, redisMessages) != nil {
				return
			}
			asked = true
			continue
		case err != nil:
			return
		}
		asked = false
		switch got := got.(type) {
		case *redis.Subscription:
			if got.Channel != redisMessages {
				r.outage.giveBack()
			}
		case *redis.Message:
			if m, ok := messageOf(got.Payload); ok {
				hear(m)
			}
		}
	}
}

// textOf is the message of invalidations that were made together: "invalidated
// GENERATION HOW", with a scope a line below it.
func textOf(list []Invalidation) string {
	var text strings.Builder
	for i, each := range list {
		if i == 0 {
			fmt.Fprintf(&text, "invalidated %d %s", each.Generation, each.How)
		}
		text.WriteString("\n" + each.Scope)
	}
	return text.String()
}

// messageOf reads it, and "ready KEY".
func messageOf(text string) (Message, bool) {
	kind, rest, _ := strings.Cut(text, " ")
	switch kind {
	case "ready":
		return Message{Ready: rest}, true
	case "invalidated":
		lines := strings.Split(rest, "\n")
		number, how, _ := strings.Cut(lines[0], " ")
		generation, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return Message{}, false
		}
		var m Message
		for _, scope := range lines[1:] {
			m.Invalidations = append(m.Invalidations, Invalidation{scope, strengthOf(how), generation})
		}
		return m, true
	}
	return Message{}, false
}
