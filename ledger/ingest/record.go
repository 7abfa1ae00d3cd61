package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A place is where a record is in the body. What follows it is a field.
type place struct{ text, field string }

// A record is a JSON object that is read field by field.
type record struct {
	body   *Body
	place  place
	ref    string // what it calls itself, for messages
	fields map[string]json.RawMessage
	names  []string // of the fields that were read
}

// record reads a record of a list. It may be nil, which is no JSON.
func (b *Body) record(of list, at place, raw []byte) error {
	if b.Records++; b.Records > MostRecords {
		return ErrTooMany
	}
	r := b.open(at, "", raw)
	if r == nil {
		return nil
	}
	of.read(b, r)
	r.close()
	if b.postings > MostPostings {
		return ErrTooMany
	}
	return nil
}

// open returns the fields of an object, whose ref is the given one unless it has its own.
// It adds a problem and returns nil if it is none.
func (b *Body) open(at place, ref string, raw []byte) *record {
	switch {
	case raw == nil:
		b.problems.add(at.text, "", "is not JSON")
		return nil
	case !utf8.Valid(raw):
		b.problems.add(at.text, "", "is not valid UTF-8")
		return nil
	case raw[0] != '{':
		b.problems.add(at.text, "", "is no object")
		return nil
	}
	r := &record{body: b, place: at, ref: ref, fields: map[string]json.RawMessage{}}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	for n := 0; dec.More(); n++ { // it is valid
		if n == mostFields {
			b.problems.add(at.text, ref, fmt.Sprintf("has more than %d fields", mostFields))
			return nil
		}
		name, _ := dec.Token()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			break
		}
		key := name.(string)
		if _, twice := r.fields[key]; twice {
			r.fail(key, "is there twice")
		}
		r.fields[key] = value
	}
	if own := ""; json.Unmarshal(r.fields["ref"], &own) == nil {
		r.ref = short(own)
	}
	return r
}

// close adds a problem for each field that was not read.
func (r *record) close() {
	for _, name := range r.names {
		delete(r.fields, name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		r.failUnknown(name, r.names)
	}
}

// imported are the lists and columns of the native set that programs do not send.
var imported = []string{"settings", "holders", "places", "labels", "merges", "label", "hidden", "into"}

// failUnknown adds a problem for a field that is none of those expected.
func (r *record) failUnknown(name string, expected []string) {
	text := "is unknown: expected " + strings.Join(expected, ", ")
	if slices.Contains(imported, name) {
		text += "; it is imported, by the native set"
	}
	r.fail(short(name), text)
}

func short(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// at returns the place of a field.
func (p place) at(field string) string {
	if p.text == "" {
		return field
	}
	return p.text + p.field + field
}

func (r *record) fail(field, text string) {
	r.body.problems.add(r.place.at(field), r.ref, text)
}

// value returns a field, nil if it is not there or null.
func (r *record) value(name string) json.RawMessage {
	r.names = append(r.names, name)
	if raw := r.fields[name]; !bytes.Equal(raw, []byte("null")) {
		return raw
	}
	return nil
}

// text returns a field, empty if it is not there.
func (r *record) text(name string) string {
	raw := r.value(name)
	var s string
	if raw != nil && json.Unmarshal(raw, &s) != nil {
		r.fail(name, "expected a text, not "+excerpt(raw))
	}
	return s
}

// integer returns a field that must be there.
func (r *record) integer(name string) int64 {
	if n := r.optionalInteger(name); n != nil {
		return *n
	}
	if raw := r.fields[name]; raw == nil || bytes.Equal(raw, []byte("null")) {
		r.fail(name, "is missing: expected a whole number")
	}
	return 0
}

// optionalInteger returns nil for a field that is not there.
func (r *record) optionalInteger(name string) *int64 {
	raw := r.value(name)
	if raw == nil {
		return nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		r.fail(name, "expected a whole number that fits in 64 bits, not "+excerpt(raw))
		return nil
	}
	return &n
}

// time returns the zero time for a field that is not there.
func (r *record) time(name string) time.Time {
	raw := r.value(name)
	if raw == nil {
		return time.Time{}
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at.UTC()
		}
	}
	r.fail(name, "expected a time such as 2026-01-31T12:00:00Z, not "+excerpt(raw))
	return time.Time{}
}

// boolean returns a field that must be there.
func (r *record) boolean(name string) bool {
	if b := r.optionalBoolean(name); b != nil {
		return *b
	}
	if raw := r.fields[name]; raw == nil || bytes.Equal(raw, []byte("null")) {
		r.fail(name, "is missing: expected true or false")
	}
	return false
}

// optionalBoolean returns nil for a field that is not there.
func (r *record) optionalBoolean(name string) *bool {
	raw := r.value(name)
	if raw == nil {
		return nil
	}
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		r.fail(name, "expected true or false, not "+excerpt(raw))
		return nil
	}
	return &b
}

// postings reads the objects of the list of that name, as many as a body may have.
func (r *record) postings(read func(*record)) {
	const name = "postings"
	raw := r.value(name)
	if raw == nil {
		return
	}
	if raw[0] != '[' {
		r.fail(name, "expected a list, not "+excerpt(raw))
		return
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	for i := 0; dec.More(); i++ { // it is valid
		var value json.RawMessage
		if r.body.postings++; r.body.postings > MostPostings || dec.Decode(&value) != nil {
			return
		}
		if of := r.body.open(place{r.place.at(fmt.Sprintf("%s[%d]", name, i)), "."}, r.ref, value); of != nil {
			read(of)
			of.close()
		}
	}
}

// excerpt returns the beginning of a value for a message.
func excerpt(raw []byte) string {
	const most = 40
	if len(raw) > most {
		return strings.ToValidUTF8(string(raw[:most]), "") + "…"
	}
	return string(raw)
}
