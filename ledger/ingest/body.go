package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"exchequer/ledger"
)

// What a body has at most. MostRecords counts the records of all lists together.
const (
	MostRecords  = 10_000
	MostPostings = 40_000
	MostBytes    = 8 << 20 // when it is decompressed
	mostFields   = 64      // of an object; no record has as many
)

// Errors of bodies that are not read to their end.
var (
	ErrTooMany  = fmt.Errorf("the body has more than %d records, or %d postings: send it in parts", MostRecords, MostPostings)
	ErrTooLarge = fmt.Errorf("the body has more than %d MB when it is decompressed: send it in parts", MostBytes>>20)
)

// A SyntaxError means that a body is not JSON of the form that is read here.
type SyntaxError struct{ text string }

func (e *SyntaxError) Error() string { return e.text }

// A Body is what was read of one.
type Body struct {
	Records  int
	batch    ledger.Batch
	postings int
	problems problems
	origin   string    // of observations that say none
	at       time.Time // the same
}

// lists are the lists that the body of a kind may have, and how their records are
// read. The last one is that of a body without names of lists.
func lists(kind string) []list {
	items, shops := list{"items", (*Body).item}, list{"shops", (*Body).shop}
	switch kind {
	case "accounts":
		return []list{{kind, (*Body).account}}
	case "transactions":
		return []list{{kind, (*Body).transaction}}
	case "sales":
		return []list{items, {kind, (*Body).sale}}
	case "offers":
		return []list{items, shops, {kind, (*Body).offer}}
	case "events":
		return []list{{kind, (*Body).event}}
	case "balances":
		return []list{{kind, (*Body).observation}}
	}
	return nil
}

type list struct {
	name string
	read func(*Body, *record)
}

// Kinds returns what may be written.
func Kinds() []string {
	return []string{"accounts", "transactions", "sales", "offers", "events", "balances"}
}

// Read reads the body of a kind: a JSON array of records or an object with lists of
// them, or, as lines, a JSON object on each. What is wrong with records is kept for
// [Write]. An error is a *SyntaxError, ErrTooMany, ErrTooLarge, or that of r.
func Read(kind string, r io.Reader, lines bool) (*Body, error) {
	b, of := &Body{}, lists(kind)
	if of == nil {
		return nil, fmt.Errorf("read body: nothing is called %q", kind)
	}
	// Whole, since a json.Decoder scans white space again with each piece that it is sent.
	text, err := io.ReadAll(io.LimitReader(r, MostBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > MostBytes:
		return nil, ErrTooLarge
	case lines:
		err = b.lines(text, of[len(of)-1])
	default:
		err = b.value(json.NewDecoder(bytes.NewReader(text)), of)
	}
	if err != nil {
		return nil, err
	}
	for i := range b.batch.Observations {
		o := &b.batch.Observations[i]
		if o.Origin == "" {
			o.Origin = b.origin
		}
		if o.At.IsZero() {
			o.At = b.at
		}
	}
	return b, nil
}

// lines reads a record on each line that is not empty.
func (b *Body) lines(text []byte, of list) error {
	nr := 0
	for line := range bytes.Lines(text) {
		nr++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if !json.Valid(line) {
			line = nil
		}
		if err := b.record(of, place{text: fmt.Sprint("line ", nr), field: ": "}, line); err != nil {
			return err
		}
	}
	return nil
}

// value reads an array of the last list, or an object with lists.
func (b *Body) value(dec *json.Decoder, of []list) error {
	last := of[len(of)-1]
	opening, err := dec.Token()
	if err != nil {
		return broken(err, "at its start")
	}
	switch opening {
	case json.Delim('['):
		err = b.array(dec, last)
	case json.Delim('{'):
		err = b.object(dec, of)
	default:
		return &SyntaxError{"the body is neither a list of records nor an object with lists"}
	}
	if err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &SyntaxError{"something follows the end of the body; records one a line are sent as application/x-ndjson"}
	}
	return nil
}

func (b *Body) object(dec *json.Decoder, of []list) error {
	var names, seen []string
	for _, l := range of {
		names = append(names, l.name)
	}
	observations := names[0] == "balances"
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return broken(err, "in its object")
		}
		name := token.(string) // else it is an error
		i, twice := slices.Index(names, name), slices.Contains(seen, name)
		if seen = append(seen, name); len(seen) > mostFields {
			return &SyntaxError{fmt.Sprintf("the object has more than %d fields: expected %s", mostFields, strings.Join(names, ", "))}
		}
		if i < 0 || twice {
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return broken(err, "in "+name)
			}
			r := &record{body: b, fields: map[string]json.RawMessage{name: raw}}
			switch {
			case twice:
				r.fail(name, "is there twice")
			case observations && name == "origin":
				b.origin = r.text(name)
			case observations && name == "at":
				b.at = r.time(name)
			default:
				r.failUnknown(name, names)
			}
			continue
		}
		switch opening, err := dec.Token(); {
		case err != nil:
			return broken(err, "in "+name)
		case opening == nil: // null
		case opening != json.Delim('['):
			return &SyntaxError{fmt.Sprintf("%s is no list", name)}
		default:
			if err := b.array(dec, of[i]); err != nil {
				return err
			}
		}
	}
	_, err := dec.Token()
	return broken(err, "at the end of its object")
}

// array reads the records of a list whose opening was read, and its end.
func (b *Body) array(dec *json.Decoder, of list) error {
	for i := 0; dec.More(); i++ {
		place := place{text: fmt.Sprintf("%s[%d]", of.name, i), field: "."}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return broken(err, "in "+place.text)
		}
		if err := b.record(of, place, raw); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return broken(err, "at the end of "+of.name)
}

// broken returns an error for JSON that cannot be parsed.
func broken(err error, where string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &SyntaxError{"the body ends " + where}
	}
	return &SyntaxError{fmt.Sprintf("the body is not JSON %s: %v", where, err)}
}
