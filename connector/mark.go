package connector

import "time"

// A mark is how far a stream was read. Ids are given before a transaction is committed,
// so that a lower one may become visible after a higher one. Up to settled, all that can
// come late has come: it is where the stream was a look-back ago.
type mark struct {
	high, settled int64
	past          []passed // when high was where, oldest first
	written       idSet    // of the ids above settled
	at            position // instead, of a file that grows
}

type passed struct {
	at   time.Time
	high int64
}

// lookBack is how long a transaction of the source may be open, from when it got its id,
// without being missed.
const lookBack = time.Minute

func newMark(high, settled int64) *mark {
	return &mark{high: high, settled: settled, written: idSet{base: settled}}
}

// pass moves the mark, at a time, to the highest of some ids that were read. Those whose
// rows were left out are read again until they are settled.
func (m *mark) pass(now time.Time, ids []int, left map[int]bool) {
	for _, id := range ids {
		m.high = max(m.high, int64(id))
		if !left[id] {
			m.written.add(int64(id))
		}
	}
	m.past = append(m.past, passed{now, m.high})
	// Of the marks of a second, one is enough.
	if n := len(m.past); n > 2 && m.past[n-1].at.Sub(m.past[n-3].at) < time.Second {
		m.past = append(m.past[:n-2], m.past[n-1])
	}
}

// settle moves settled to where the mark was a look-back ago.
func (m *mark) settle(now time.Time) {
	for len(m.past) > 0 && now.Sub(m.past[0].at) >= lookBack {
		m.settled = max(m.settled, m.past[0].high)
		m.past = m.past[1:]
	}
	m.written.forget(m.settled)
}

// An idSet is a set of ids above a base, a bit each. It may forget ids that are far above
// it: then their rows are read again, which changes nothing.
type idSet struct {
	base int64 // a multiple of 64 below or equal to the lowest id
	bits []uint64
}

// maxIDs bounds the memory of an idSet to 16 MB.
const maxIDs = 1 << 27

func (s *idSet) place(id int64) (word int64, bit uint64, ok bool) {
	at := id - s.base
	return at / 64, 1 << uint64(at%64), at >= 0 && at < maxIDs
}

func (s *idSet) add(id int64) {
	word, bit, ok := s.place(id)
	if !ok {
		return
	}
	if missing := word + 1 - int64(len(s.bits)); missing > 0 {
		s.bits = append(s.bits, make([]uint64, missing)...)
	}
	s.bits[word] |= bit
}

func (s *idSet) has(id int64) bool {
	word, bit, ok := s.place(id)
	return ok && word < int64(len(s.bits)) && s.bits[word]&bit != 0
}

// through returns the highest id up to which all ids after one are there.
func (s *idSet) through(id int64) int64 {
	for s.has(id + 1) {
		if word := (id + 1 - s.base) / 64; (id+1-s.base)%64 == 0 && s.bits[word] == ^uint64(0) {
			id += 64
			continue
		}
		id++
	}
	return id
}

// forget removes ids up to one, as far as they fill words.
func (s *idSet) forget(id int64) {
	words := (id - s.base) / 64
	if words <= 0 {
		return
	}
	s.base += words * 64
	s.bits = append([]uint64(nil), s.bits[min(words, int64(len(s.bits))):]...)
}
