package connector

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A single is the one value that a column has in all rows of a stream, such as the
// currency: that of the first row that was ever read.
type single struct {
	column string // empty: any value will do
	mu     sync.Mutex
	value  string
}

// single returns the column of the stream that has one value, which may be known already.
func (s *stream) single(value string) *single {
	if s.read == nil {
		return &single{}
	}
	return &single{column: s.read.same, value: value}
}

// check returns what is wrong with a row that has another value.
func (s *single) check(header, fields []string) (problem string) {
	i := slices.Index(header, s.column)
	if i < 0 || i >= len(fields) || s.column == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value := strings.TrimSpace(fields[i])
	if s.value == "" {
		s.value = value
	}
	if value == "" || value == s.value {
		return ""
	}
	return fmt.Sprintf("column %q has %q here, and %q before: amounts of different money are never added", s.column, value, s.value)
}

func (s *single) known() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}
