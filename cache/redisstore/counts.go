package redisstore

import (
	"context"
	"fmt"
	"time"
)

// countsKept is how long the counts of a minute are of use: until the next one ends.
const countsKept = 3 * time.Minute

// Count adds requests of clients to those of a minute, which is numbered since 1970. It
// returns how many each client has made in that minute and in the one before, at all
// processes of the space.
func (s *Store) Count(ctx context.Context, minute int64, clients []string, added []int64) (counts, before []int64, err error) {
	args := []any{countsKept.Milliseconds()}
	for i, client := range clients {
		args = append(args, client, added[i])
	}
	answer, err := s.scripts.count.Run(ctx, s.client, []string{s.countsKey(minute), s.countsKey(minute - 1)}, args...).Int64Slice()
	if err != nil {
		return nil, nil, wrap(err)
	}
	if len(answer) != 2*len(clients) {
		return nil, nil, fmt.Errorf("count %d clients: redis answered %v", len(clients), answer)
	}
	for i := range clients {
		counts, before = append(counts, answer[2*i]), append(before, answer[2*i+1])
	}
	return counts, before, nil
}

func (s *Store) countsKey(minute int64) string {
	return fmt.Sprintf("exchequer:{%s:clients}:%d", s.space, minute)
}
