package main

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"exchequer/ledger/importer"
	"exchequer/ledger/native"
)

// progress shows the progress of an import: a bar on a terminal, a line every few
// seconds elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	began    time.Time
	last     time.Time
}

func newProgress(out io.Writer) *progress {
	file, isFile := out.(*os.File)
	now := time.Now()
	return &progress{out: out, terminal: isFile && term.IsTerminal(int(file.Fd())), began: now, last: now}
}

func (p *progress) mapped(now importer.Progress) { p.show(now.Rows, now.Bytes, now.Total, now.File) }

func (p *progress) native(now native.Progress) { p.show(now.Rows, now.Bytes, now.Total, now.File) }

func (p *progress) show(rows, done, total int64, file string) {
	rate := float64(rows) / max(time.Since(p.began).Seconds(), 1e-3)
	if p.terminal {
		if p.bar == nil {
			size := total
			if size == 0 {
				size = -1 // a pipe has no length
			}
			p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(p.out),
				progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
				progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		_ = p.bar.Set64(done) // an error of the bar must not fail an import
		p.bar.Describe(fmt.Sprintf("%d rows, %.0f/s", rows, rate))
		return
	}
	if time.Since(p.last) < 3*time.Second {
		return
	}
	p.last = time.Now()
	share := ""
	if total > 0 {
		share = fmt.Sprintf(", %d %%", 100*done/total)
	}
	if file != "" {
		file += ": "
	}
	fmt.Fprintf(p.out, "%s%d rows, %.0f rows/s%s\n", file, rows, rate, share)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// sorted iterates over a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}
