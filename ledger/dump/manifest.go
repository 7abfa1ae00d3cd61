package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// ManifestName is the name of the manifest in the folder of a dump.
const ManifestName = "manifest.json"

// A Manifest says what a dump has.
type Manifest struct {
	SchemaVersion int     `json:"schema_version"`
	Ledger        Ledger  `json:"ledger"`
	Licence       string  `json:"licence"`
	Months        string  `json:"months"`
	DuckDB        string  `json:"duckdb"`
	Tables        []Table `json:"tables"`
	Files         []File  `json:"files"`
}

// A Ledger is what is said of the ledger as a whole.
type Ledger struct {
	Name     string `json:"name"`
	Currency string `json:"currency"`
	Decimals int    `json:"decimals"` // amounts are whole minor units
	Timezone string `json:"timezone"` // whose days account_days has
}

// A Table is a published table.
type Table struct {
	Name    string   `json:"name"`
	Order   string   `json:"order"`
	Columns []Column `json:"columns"`
}

// A File is a file of a dump.
type File struct {
	Path      string    `json:"path"`
	Table     string    `json:"table"`
	Month     string    `json:"month,omitempty"` // 2026-10; empty: it has the whole table
	Rows      int64     `json:"rows"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	Published time.Time `json:"published_at"` // first
	Made      time.Time `json:"made_at"`      // when it came to have these bytes
	Source    string    `json:"source_digest"`
}

// The suffixes of the two files of each part of a table.
const (
	suffixParquet = ".parquet"
	suffixCSV     = ".csv.zst"
)

// find returns the entry of a file, nil if there is none.
func (m *Manifest) find(path string) *File {
	i, found := slices.BinarySearchFunc(m.Files, path, func(f File, path string) int { return strings.Compare(f.Path, path) })
	if !found {
		return nil
	}
	return &m.Files[i]
}

// put adds an entry, in the place of one of that path.
func (m *Manifest) put(f File) {
	i, found := slices.BinarySearchFunc(m.Files, f.Path, func(f File, path string) int { return strings.Compare(f.Path, path) })
	if found {
		m.Files[i] = f
	} else {
		m.Files = slices.Insert(m.Files, i, f)
	}
}

// A Published is a folder that a dump is written to, for those who read it. It may be
// used by several goroutines, while a dump is written.
type Published struct {
	root *os.Root

	mu       sync.Mutex
	info     fs.FileInfo // of the manifest that was read
	manifest *Manifest
	raw      []byte
}

// Open opens a folder, which it makes if it is not there.
func Open(dir string) (*Published, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the folder of the dump: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the dump: %w", err)
	}
	return &Published{root: root}, nil
}

// Close closes the folder.
func (p *Published) Close() error { return p.root.Close() }

// Manifest returns the present manifest, and its bytes. The caller must not change
// them. It returns an error that is [fs.ErrNotExist] if nothing is published yet.
func (p *Published) Manifest() (*Manifest, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := p.root.Stat(ManifestName)
	if err != nil {
		return nil, nil, fmt.Errorf("read the manifest: %w", err)
	}
	if p.info != nil && os.SameFile(p.info, info) && p.info.ModTime().Equal(info.ModTime()) && p.info.Size() == info.Size() {
		return p.manifest, p.raw, nil
	}
	raw, err := p.root.ReadFile(ManifestName)
	if err != nil {
		return nil, nil, fmt.Errorf("read the manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, nil, fmt.Errorf("read the manifest: %w", err)
	}
	p.info, p.manifest, p.raw = info, &m, raw
	return p.manifest, p.raw, nil
}

// ErrChanging means that a file is being replaced: it is soon there again.
var ErrChanging = errors.New("the file is being replaced")

// Open opens a file that the manifest names. It returns an error that is
// [fs.ErrNotExist] for any other name.
func (p *Published) Open(name string) (*os.File, File, error) {
	m, _, err := p.Manifest()
	if err != nil {
		return nil, File{}, err
	}
	entry := m.find(name)
	if entry == nil {
		return nil, File{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := p.root.Open(path.Clean(name))
	if err != nil {
		return nil, File{}, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != entry.Bytes {
		err = ErrChanging
	}
	if err != nil {
		return nil, File{}, errors.Join(err, file.Close())
	}
	return file, *entry, nil
}
