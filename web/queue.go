package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"

	"golang.org/x/sync/semaphore"
)

// ownWaits is how many readings a client may have that wait for places of one kind.
const ownWaits = 2

// errOwnWaits means that a client waits for as many readings as it may.
var errOwnWaits = &refusal{http.StatusTooManyRequests, fmt.Sprintf("At most %d readings wait for one reader at a time. Ask again when one of them has been answered.", ownWaits)}

// A queue is places for readings, or for bodies. Who finds none free waits, first come
// first served.
type queue struct {
	places  *semaphore.Weighted
	waiting shares
}

func newQueue(places int) *queue { return newQueueOf(places, ownWaits, errOwnWaits) }

// newQueueOf returns a queue in which a client may wait so many times. Once more it gets
// the error.
func newQueueOf(places, own int, beyond error) *queue {
	return &queue{places: semaphore.NewWeighted(int64(places)), waiting: shares{all: math.MaxInt, own: own, beyond: beyond}}
}

// take takes a place for a client, by its address, and returns what frees it. It
// waits until ctx ends. Those that wait for a client without an address are not counted.
func (q *queue) take(ctx context.Context, client string) (free func(), err error) {
	if !q.places.TryAcquire(1) {
		if client != "" {
			leave, err := q.waiting.take(client)
			if err != nil {
				return nil, err
			}
			defer leave()
		}
		if err := q.places.Acquire(ctx, 1); err != nil {
			return nil, errors.Join(errBusy, err)
		}
	}
	return func() { q.places.Release(1) }, nil
}

// takeAll takes a place of each queue in turn.
func takeAll(ctx context.Context, client string, queues ...*queue) (free func(), err error) {
	var taken []func()
	free = func() {
		for _, free := range taken {
			free()
		}
	}
	for _, q := range queues {
		one, err := q.take(ctx, client)
		if err != nil {
			free()
			return nil, err
		}
		taken = append(taken, one)
	}
	return free, nil
}
