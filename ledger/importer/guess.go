package importer

import (
	"path/filepath"
	"strings"
	"time"

	"exchequer/ledger/importer/csvfile"
)

// A Guess is a draft of a mapping.
type Guess struct {
	Mapping string   // as TOML, with comments
	Rows    int      // that were read for it
	Unsure  []string // what a person should look at
	Missing []string // what has to be filled in before the mapping can be used
}

// The draft is made from this much of a file, which bounds its time and memory.
const (
	sampleBytes   = 2 << 20
	sampleRows    = 20_000
	sampleColumns = 500
)

// GuessMapping drafts a mapping for a CSV file from the words of its header and from
// its first rows. It returns an error if the file is no CSV file with a header.
func GuessMapping(path string) (Guess, error) {
	text, whole, err := csvfile.Sample(path, sampleBytes)
	if err != nil {
		return Guess{}, err
	}
	return guess(text, whole, path, time.Now())
}

func guess(text []byte, whole bool, path string, now time.Time) (Guess, error) {
	s, err := readSample(text, whole, path)
	if err != nil {
		return Guess{}, err
	}
	columns := s.columns(now)
	if err := s.checkHeader(columns); err != nil {
		return Guess{}, err
	}
	p := newPlan(s, columns)
	p.make()
	return Guess{Mapping: p.write(), Rows: len(s.rows), Unsure: p.unsure, Missing: p.missing}, nil
}

// stem returns a file's name without directory and extensions.
func stem(path string) string {
	base := csvfile.BaseName(path)
	if s := strings.TrimSuffix(base, filepath.Ext(base)); s != "" {
		return s
	}
	return base
}
