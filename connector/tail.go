package connector

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exchequer/connector/format"
)

// A position is how far a file that grows was read. Its hashes tell whether a file is the
// one that was read, whatever it is called now.
type position struct {
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"`
	Lines  int64  `json:"lines"` // of all files so far
	Head   string `json:"head"`  // of its first bytes, hashed
	Last   string `json:"last"`  // of the bytes before the offset, hashed
	// Of a stream that is read whole, instead: what its column of one value has.
	Same string `json:"same,omitempty"`
}

const (
	headBytes = 1024
	lastBytes = 256
	// lookAround is how far back in a file equal lines are told apart. Equal lines have the
	// same time in them, so they stand close together.
	lookAround = 256 << 10
	batchLines = 4000
	batchBytes = 4 << 20
	// maxBeside is how many files of a folder are looked at for the rest of a file that was
	// renamed.
	maxBeside = 10_000
	// writesOn is how long after its last line a file that was renamed may get another one.
	writesOn = 2 * time.Second
)

// A tail reads what is appended to a file, over its being renamed, truncated or replaced.
type tail struct {
	path   string
	r      *reading
	recent recent
}

// A grown is what was read of a file.
type grown struct {
	header []string
	rows   []format.Row
	lines  []int64 // of each row, its number
	at     position
	more   bool // there may be more to read at once
}

// next reads the next lines after a position.
func (t *tail) next(at position) (grown, error) {
	file, old, at, err := t.find(at)
	if err != nil {
		return grown{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return grown{}, err
	}
	// Who writes may not have noticed yet that the file has another name.
	over := old && time.Since(info.ModTime()) > writesOn
	g, err := t.read(file, info, at, over)
	if err != nil {
		return grown{}, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	if over && !g.more { // all of it is read
		if next := t.after(info); next != nil {
			g.at = position{Inode: inode(next), Lines: g.at.Lines}
			g.more = true
		}
	}
	return g, nil
}

// find opens the file that a position is of, and reports whether it is an old one, beside
// one that was made since. If there is none, it opens the file of the path, and returns
// the position of its start.
func (t *tail) find(at position) (file *os.File, old bool, from position, err error) {
	current, err := openRegular(t.path)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing || missing && at.Inode == 0 {
		return nil, false, at, fmt.Errorf("source: %w", err)
	}
	if current != nil && at.fits(current) {
		return current, false, at, nil
	}
	for _, b := range t.beside() {
		was, err := openRegular(b.path)
		if err != nil {
			continue
		}
		if at.fits(was) {
			if current != nil {
				_ = current.Close()
			}
			return was, current != nil, at, nil
		}
		_ = was.Close()
	}
	if missing {
		return nil, false, at, fmt.Errorf("source: %w", err)
	}
	return current, false, position{Lines: at.Lines}, nil
}

// after returns the file that came after an old one: of those beside it the first one that
// was changed later, or that of the path. It returns nil if that is about to be made anew.
func (t *tail) after(old os.FileInfo) os.FileInfo {
	var next os.FileInfo
	for _, b := range t.beside() {
		if b.info.ModTime().After(old.ModTime()) && inode(b.info) != inode(old) && (next == nil || b.info.ModTime().Before(next.ModTime())) {
			next = b.info
		}
	}
	if next == nil {
		next, _ = os.Stat(t.path)
	}
	return next
}

// A sibling is a file beside the one that is read, of a name that begins like it.
type sibling struct {
	path string
	info os.FileInfo
}

// beside returns the files that may be what the file was before it was renamed. Where the
// folder cannot be read, there are none.
func (t *tail) beside() []sibling {
	folder, base := filepath.Split(t.path)
	stem, _, _ := strings.Cut(base, ".")
	dir, err := os.Open(filepath.Clean(folder))
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(maxBeside)
	var all []sibling
	for _, e := range entries {
		if e.Name() == base || !strings.HasPrefix(e.Name(), stem) || !strings.Contains(e.Name(), filepath.Ext(base)) || !e.Type().IsRegular() || compressed(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil {
			all = append(all, sibling{filepath.Join(folder, e.Name()), info})
		}
	}
	return all
}

func compressed(name string) bool {
	return slices.Contains([]string{".gz", ".zst", ".xz", ".bz2", ".zip"}, filepath.Ext(name))
}

// openRegular opens a file that is neither a folder nor a pipe.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	return os.Open(path)
}

// fits reports whether a file is the one that was read up to the position. Where nothing
// of it was read, it is told by its number.
func (p position) fits(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Size() < p.Offset {
		return false
	}
	if p.Offset == 0 {
		return p.Inode == 0 || p.Inode == inode(info)
	}
	head, last, err := marks(file, p.Offset)
	return err == nil && head == p.Head && last == p.Last
}

// marks returns the hashes of the first bytes of a file, and of those before an offset.
func marks(file io.ReaderAt, offset int64) (head, last string, err error) {
	hash := func(from, to int64) (string, error) {
		text := make([]byte, to-from)
		if _, err := file.ReadAt(text, from); err != nil {
			return "", err
		}
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:12]), nil
	}
	if head, err = hash(0, min(offset, headBytes)); err != nil {
		return "", "", err
	}
	last, err = hash(max(0, offset-lastBytes), offset)
	return head, last, err
}

// read reads the next lines of a file. Of one that is over, the last line may have no line
// end.
func (t *tail) read(file *os.File, info os.FileInfo, at position, over bool) (grown, error) {
	f := t.r.format()
	if err := t.prime(f, file, at); err != nil {
		return grown{}, err
	}
	g := grown{at: at}
	s := f.Scan(bufio.NewReader(io.NewSectionReader(file, at.Offset, info.Size()-at.Offset)), at.Offset)
	for bytes := int64(0); len(g.rows) < batchLines && bytes < batchBytes; {
		err := s.Next()
		end := s.End()
		if errors.Is(err, io.EOF) {
			if !over || !s.Unfinished() {
				return t.finish(f, file, info, g)
			}
			end = info.Size()
		} else if err != nil {
			return grown{}, err
		}
		g.at.Lines++
		bytes += end - g.at.Offset
		text := s.Text()
		decoded := []format.Row{{Problem: format.TooLong}}
		if !s.Long() {
			decoded = f.Decode(text)
		}
		width := len(f.Header())
		id := t.recent.identify(text, s.Start())
		for i, row := range decoded {
			if i > 0 {
				row = complete(row, width, fmt.Sprintf("%s/%d", id, i+1), "", text)
			} else {
				row = complete(row, width, id, "", text)
			}
			g.rows, g.lines = append(g.rows, row), append(g.lines, g.at.Lines)
		}
		g.at.Offset = end
	}
	g.more = true
	return t.finish(f, file, info, g)
}

func (t *tail) finish(f *format.Format, file *os.File, info os.FileInfo, g grown) (_ grown, err error) {
	g.header = header(f)
	g.at.Inode = inode(info)
	t.recent.inode, t.recent.end = g.at.Inode, g.at.Offset
	g.at.Head, g.at.Last, err = marks(file, g.at.Offset)
	return g, err
}

// prime reads the header of a file, and the lines before a position, so that the lines
// after it get the ids that they would get if the file were read from its start.
func (t *tail) prime(f *format.Format, file *os.File, at position) error {
	if at.Offset == 0 {
		t.recent = recent{}
		return nil
	}
	for first := f.Scan(io.NewSectionReader(file, 0, at.Offset), 0); f.Header() == nil; {
		if err := first.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		f.Decode(first.Text())
	}
	if t.recent.inode == at.Inode && t.recent.end == at.Offset {
		return nil
	}
	t.recent = recent{}
	from := max(0, at.Offset-lookAround)
	if from > 0 { // at the start of a line
		before := make([]byte, 1)
		for ; from < at.Offset; from++ {
			if _, err := file.ReadAt(before, from-1); err != nil {
				return err
			}
			if bytes.Equal(before, []byte("\n")) {
				break
			}
		}
	}
	s := f.Scan(io.NewSectionReader(file, from, at.Offset-from), from)
	for {
		if err := s.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		t.recent.identify(s.Text(), s.Start())
	}
}

// recent are the lines of a file that were read last.
type recent struct {
	inode uint64
	end   int64 // up to which it was read
	lines []recentLine
	count map[[12]byte]int
}

type recentLine struct {
	sum   [12]byte
	start int64
}

// identify returns the id of a line: a hash, and which of the equal lines near it this is.
func (r *recent) identify(line string, start int64) string {
	if r.count == nil {
		r.count = map[[12]byte]int{}
	}
	drop := 0
	for drop < len(r.lines) && r.lines[drop].start < start-lookAround {
		if sum := r.lines[drop].sum; r.count[sum] > 1 {
			r.count[sum]--
		} else {
			delete(r.count, sum)
		}
		drop++
	}
	r.lines = r.lines[drop:]
	full := sha256.Sum256([]byte(line))
	l := recentLine{start: start}
	copy(l.sum[:], full[:])
	r.lines = append(r.lines, l)
	r.count[l.sum]++
	return identity(l.sum, r.count[l.sum])
}
