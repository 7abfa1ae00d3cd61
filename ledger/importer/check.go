package importer

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"exchequer/ledger"
)

// A FileCheck is the result of mapping the first rows of a file.
type FileCheck struct {
	File    string
	Columns map[string]string // the file's headers by the mapping's names
	Rows    int               // how many rows were read
	Others  int               // how many of them do not meet the mapping's conditions
	Example ledger.Batch      // what the first row or its group would write
}

// A Check is the result of mapping the first rows of some files.
type Check struct {
	Files   []FileCheck
	Issuers IssuerCheck
}

// CheckFiles maps the header and the first rows of each file, without a ledger. It
// stops at the first error.
func (m *Mapping) CheckFiles(ctx context.Context, files []string, rows int) (Check, error) {
	var check Check
	w := &writer{options: Options{Mapping: m, Files: files}}
	if err := w.prepare(); err != nil {
		return check, err
	}
	sums := newAccountSums()
	for _, path := range files {
		if err := ctx.Err(); err != nil {
			return check, err
		}
		file, err := m.checkFile(path, rows, sums)
		if err != nil {
			return check, err
		}
		check.Files = append(check.Files, file)
	}
	check.Issuers = sums.check(m.issuers)
	return check, nil
}

func (m *Mapping) checkFile(path string, rows int, sums *accountSums) (FileCheck, error) {
	check := FileCheck{File: path, Columns: map[string]string{}}
	var bytes atomic.Int64
	s, err := m.open(path, &bytes)
	if err != nil {
		return check, err
	}
	defer s.file.Close()
	for name, i := range s.index {
		check.Columns[name] = s.Header[i]
	}
	var problem *RowError
	first := true
	gather := newGatherer(m, closedGroups, func(e *entry) {
		if problem == nil && e.problem != nil {
			problem = e.problem
		}
		if e.problem == nil {
			sums.add(e)
		}
		if first {
			check.Example, first = newSent().batch([]*entry{e}), false
		}
	})
	oldest, latest := m.oldest(), time.Now().Add(clockSkew)
	for check.Rows < rows && problem == nil {
		fields, line, err := s.read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return check, err
		}
		gather.add(&row{m: m, source: &s.source, line: line, fields: fields, oldest: oldest, latest: latest}, nil)
		check.Rows++
	}
	gather.endFile()
	if problem != nil {
		return check, problem
	}
	check.Others = gather.leftOut
	return check, nil
}
