package web

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"exchequer/cache"
)

const (
	downloadFiles = 4                // of one download that exist at a time
	downloadMake  = time.Minute      // how long making one may take
	downloadWait  = 25 * time.Second // for a reader, so that the answer is within the write timeout
	downloadRetry = 5 * time.Second  // after a failure
)

// A download is a file too large to keep in memory. It is made at most once a
// window, whoever asks, and served to all readers from a temporary file, so
// that a reader costs no query and no connection to the database.
//
// Making it is detached from the readers: one who leaves neither ends nor
// repeats it. In the next window readers get the old file until the new one is
// there. A file that nobody reads is gone at the end of the window after its
// own. Readers who are slow enough to hold several files leave the newest one
// to all others for longer, since no more than downloadFiles exist at a time.
type download struct {
	name    string
	header  http.Header
	window  time.Duration
	write   func(context.Context, io.Writer) error
	now     func() time.Time
	leaving context.Context // ends the making of a file
	log     *slog.Logger

	mu      sync.Mutex
	newest  *downloadFile // nil: none
	files   int           // that exist or are being made
	making  chan struct{} // closed at its end; nil: nobody makes one
	failed  error         // of the last making
	retryAt time.Time
}

// A downloadFile has no name in its folder: it goes with the process, however
// that ends.
type downloadFile struct {
	file    *os.File // nil: closed
	size    int64
	etag    string
	window  cache.Window
	readers int
	expired bool
}

func (d *download) serve(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), downloadWait)
	defer cancel()
	f, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer d.release(f)
	h := w.Header()
	for name, values := range d.header {
		h[name] = values
	}
	h["Cache-Control"] = noCache
	h["Etag"] = []string{f.etag}
	http.ServeContent(newSteadyWriter(w, r), r, "", f.window.Start, io.NewSectionReader(f.file, 0, f.size))
	return nil
}

// take returns a file that the caller must release. It waits until ctx ends
// where there is none that may be served.
func (d *download) take(ctx context.Context) (*downloadFile, error) {
	waited := false
	for {
		f, making, err := d.look(waited)
		if making == nil {
			return f, err
		}
		select {
		case <-making:
			waited = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns a file to serve, what to wait for, or why there is neither. A
// caller who has waited takes what there is, however long it took to make.
func (d *download) look(waited bool) (*downloadFile, <-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	present := cache.WindowAt(now, d.window)
	if d.making == nil && (d.newest == nil || d.newest.window.Start.Before(present.Start)) &&
		d.files < downloadFiles && !now.Before(d.retryAt) {
		d.start(present)
	}
	switch f := d.newest; {
	case f != nil && (waited || d.making == nil || !f.window.End.Before(present.Start)):
		f.readers++
		return f, nil, nil
	case d.making != nil:
		return nil, d.making, nil
	default:
		return nil, nil, d.failed
	}
}

// start makes the file of a window. The caller holds the lock.
func (d *download) start(w cache.Window) {
	done := make(chan struct{})
	d.making = done
	d.files++
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(d.leaving, downloadMake)
		defer cancel()
		f, err := d.make(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.making = nil
		if err != nil {
			d.files--
			d.failed = fmt.Errorf("make %s: %w: %w", d.name, errUnmade, err)
			d.retryAt = d.now().Add(downloadRetry)
			if d.leaving.Err() == nil {
				d.log.Error("download cannot be made", "name", d.name, "error", err)
			}
			return
		}
		f.window = w
		previous := d.newest
		d.newest, d.failed, d.retryAt = f, nil, time.Time{}
		d.drop(previous)
		time.AfterFunc(w.End.Add(d.window).Sub(d.now()), func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			f.expired = true
			d.drop(f)
		})
	}()
}

// make writes a whole file, or leaves nothing behind.
func (d *download) make(ctx context.Context) (_ *downloadFile, err error) {
	file, err := os.CreateTemp("", "exchequer-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(file, sum), 64<<10)
	if err := safely(func() error { return d.write(ctx, out) }); err != nil {
		return nil, err
	}
	if err := out.Flush(); err != nil {
		return nil, err
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return &downloadFile{file: file, size: size, etag: `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`}, nil
}

func (d *download) release(f *downloadFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.readers--
	d.drop(f)
}

// drop closes a file that nobody reads and nobody will. The caller holds the
// lock.
func (d *download) drop(f *downloadFile) {
	if f == nil || f.file == nil || f.readers > 0 || f == d.newest && !f.expired {
		return
	}
	_ = f.file.Close() // only read since it was made
	f.file = nil
	d.files--
	if f == d.newest {
		d.newest = nil
	}
}
