package format

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxRecord = 1 << 20  // the longest line
	maxQuoted = 64 << 10 // the longest CSV record of several lines: a longer one is an unclosed quote
)

// TooLong is the problem of a line that is too long.
var TooLong = fmt.Sprintf("the line is longer than %d bytes", maxRecord)

// A Scanner reads records. It never holds more than one of bounded length.
type Scanner struct {
	from       *bufio.Reader
	delimiter  byte // of CSV; 0: a record is a line
	start, end int64
	text       []byte
	long       bool
	unfinished bool
}

func newScanner(r io.Reader, offset int64, delimiter byte) *Scanner {
	return &Scanner{from: bufio.NewReaderSize(r, 64<<10), delimiter: delimiter, start: offset, end: offset}
}

// Next reads the next record. At the end it returns io.EOF, also if there is text without
// a line end, which [Scanner.Unfinished] reports.
func (s *Scanner) Next() error {
	s.start, s.text, s.long, s.unfinished = s.end, s.text[:0], false, false
	end := s.start
	for open := false; ; {
		part, err := s.from.ReadSlice('\n')
		end += int64(len(part))
		if s.long = s.long || len(s.text)+len(part) > maxRecord; !s.long {
			s.text = append(s.text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			s.unfinished = end > s.start
			return io.EOF
		case err != nil:
			return err
		}
		if s.delimiter != 0 && !s.long {
			open = quoteOpen(s.text, s.delimiter)
		}
		if !open || s.long || len(s.text) > maxQuoted {
			s.end = end
			return nil
		}
	}
}

// Start and End are the offsets of the record.
func (s *Scanner) Start() int64 { return s.start }

// End is where the next record begins.
func (s *Scanner) End() int64 { return s.end }

// Long reports whether the record was too long, and its text is only its beginning.
func (s *Scanner) Long() bool { return s.long }

// Unfinished reports whether text without a line end was left. It becomes the record, once.
func (s *Scanner) Unfinished() bool {
	was := s.unfinished
	s.unfinished = false
	return was
}

// Text returns the record without its line end.
func (s *Scanner) Text() string {
	text := s.text
	if s.start == 0 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	if s.long {
		text = text[:min(len(text), 1000)]
	}
	return strings.TrimRight(string(text), "\r\n")
}

// quoteOpen reports whether CSV text ends within a quoted field.
func quoteOpen(text []byte, delimiter byte) bool {
	quoted, start := false, true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '"':
			if i+1 < len(text) && text[i+1] == '"' {
				i++
			} else {
				quoted = false
			}
		case quoted:
		case c == '"' && start:
			quoted, start = true, false
		default:
			start = c == delimiter || c == '\n'
		}
	}
	return quoted
}
