package ledger

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Problem is one thing that is wrong with a batch.
type Problem struct {
	What string // transaction, sale, account, item, shop or batch
	Line string // where it was read, if the batch says so: "data.csv:17"
	Ref  string // of what is wrong
	// Field is which of its fields is wrong, as the fields of a batch are called where
	// they are read; empty if it is none of them alone.
	Field string
	Text  string // what is wrong with it
}

// String returns the problem as one line: data.csv:17: transaction "a-1": no postings.
func (p Problem) String() string {
	var s strings.Builder
	if p.Line != "" {
		s.WriteString(p.Line + ": ")
	}
	s.WriteString(p.What)
	if p.Ref != "" {
		s.WriteString(" " + quote(p.Ref))
	}
	s.WriteString(": " + p.Text)
	return s.String()
}

// maxProblems bounds the list, since a file with the wrong columns has a problem
// in every line.
const maxProblems = 1000

// A BatchError is returned for a batch that is wrong. Nothing of it was written,
// and the same batch fails again.
type BatchError struct {
	Problems []Problem // the first ones
	More     int       // how many are not listed
}

// Error lists the first few problems.
func (e *BatchError) Error() string {
	const shown = 5
	var lines []string
	for _, p := range e.Problems[:min(shown, len(e.Problems))] {
		lines = append(lines, p.String())
	}
	text := "append batch: " + strings.Join(lines, "; ")
	if rest := len(e.Problems) - len(lines) + e.More; rest > 0 {
		text += fmt.Sprintf("; and %d more", rest)
	}
	return text
}

// problems collects what is wrong with a batch, up to maxProblems.
type problems struct {
	list []Problem
	more int
}

func (p *problems) add(what, line, ref, format string, args ...any) {
	p.addField(what, line, ref, "", format, args...)
}

// addField adds a problem with a field.
func (p *problems) addField(what, line, ref, field, format string, args ...any) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, Problem{What: what, Line: line, Ref: ref, Field: field, Text: fmt.Sprintf(format, args...)})
}

// err returns nil if there are none.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	return &BatchError{Problems: p.list, More: p.more}
}

// quote returns a value for a message, truncated if it is long.
func quote(s string) string {
	const limit = 80
	if len(s) <= limit {
		return fmt.Sprintf("%q", s)
	}
	cut := limit
	for cut > limit-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:cut], len(s))
}
