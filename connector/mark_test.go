package connector

import "testing"

func TestIDsThatAreAllThereAreSkipped(t *testing.T) {
	s := newMark(70, 70).written // its base is no multiple of 64 away from what is added
	for id := int64(71); id <= 400; id++ {
		if id != 300 && id != 302 {
			s.add(id)
		}
	}
	for after, want := range map[int64]int64{70: 299, 299: 299, 300: 301, 301: 301, 302: 400, 400: 400, 1000: 1000, 100: 299} {
		if got := s.through(after); got != want {
			t.Errorf("all ids after %d are there up to %d, want %d", after, got, want)
		}
	}
}
