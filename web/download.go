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
	"exchequer/ledger"
)

const (
	downloadFiles = 4                // files of one download that exist at a time
	downloadMake  = time.Minute      // how long making one may take
	downloadWait  = 25 * time.Second // for a reader, so that the answer is within the write timeout
	downloadRetry = 5 * time.Second  // after a failure
)

// A download is a file too large to keep in memory. It is made at most once a
// window and served to all readers from a temporary file, so that a reader costs
// no query and no connection to the database.
//
// Making it is detached from the readers: one who leaves neither ends nor
// repeats it. In the next window readers get the old file until the new one is
// ready. A file without readers is closed when there is a newer one, at the
// latest at the end of the window after its own. At most downloadFiles exist at a
// time: while slow readers hold that many, no new one is made, and other readers
// get the newest.
type download struct {
	name     string // of the file, without date and suffix
	suffix   string
	window   time.Duration
	write    func(context.Context, io.Writer) error
	now      func() time.Time
	settings func() ledger.Settings
	leaving  context.Context // ends the making of a file
	places   *shares         // of files that are being sent
	log      *slog.Logger

	mu      sync.Mutex
	newest  *downloadFile // nil: none
	files   int           // number of files that exist or are being made
	making  chan struct{} // closed when the file under way is done; nil: none is
	failed  error         // of the last making
	retryAt time.Time
}

// newDownload returns a download of files with a suffix, which write writes.
func (s *server) newDownload(name, suffix string, window time.Duration, write func(context.Context, io.Writer) error) *download {
	return &download{name: name, suffix: suffix, window: window, write: write, now: s.Now, settings: s.Settings, leaving: s.Leaving, places: s.files, log: s.Log}
}

// A downloadFile has no name in its folder, so that the kernel deletes it when
// the process ends, however that is.
type downloadFile struct {
	file    *os.File // nil: closed
	size    int64
	etag    string
	window  cache.Window
	readers int
	expired bool
}

// serve answers with the newest file.
func (d *download) serve(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), downloadWait)
	defer cancel()
	f, err := d.take(ctx)
	if err != nil {
		return err
	}
	defer d.release(f)
	free, err := d.places.take(client(r))
	if err != nil {
		return err
	}
	defer free()
	h := w.Header()
	for name, values := range fileHeader(d.name+"-"+f.window.Start.In(d.settings().Zone()).Format(time.DateOnly), d.suffix) {
		h[name] = values
	}
	h["Cache-Control"] = noCache
	h["Etag"] = []string{f.etag}
	http.ServeContent(newSteadyWriter(w, r), r, "", f.window.Start, io.NewSectionReader(f.file, 0, f.size))
	return nil
}

// take returns a file, which the caller must release. If none may be served yet,
// it waits for one until ctx ends.
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

// look returns a file to serve, or a channel to wait on, or the error of the last
// attempt. It starts making the file of this window if that is due. If waited is
// set, it returns the newest file, whatever its window.
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

// unnamedFile returns a temporary file that is gone when it is closed.
func unnamedFile() (*os.File, error) {
	file, err := os.CreateTemp("", "exchequer-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// make returns a new file, complete, or an error and no file.
func (d *download) make(ctx context.Context) (_ *downloadFile, err error) {
	file, err := unnamedFile()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
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

// release returns a file that take returned.
func (d *download) release(f *downloadFile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f.readers--
	d.drop(f)
}

// drop closes a file that has no readers and will have none. The caller holds
// the lock.
func (d *download) drop(f *downloadFile) {
	if f == nil || f.file == nil || f.readers > 0 || f == d.newest && !f.expired {
		return
	}
	_ = f.file.Close() // nothing was written since make
	f.file = nil
	d.files--
	if f == d.newest {
		d.newest = nil
	}
}
