package csvfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// Sample returns the first bytes of a file's text, at most limit, decompressed and
// without a byte order mark. It reports whether that is the whole text.
func Sample(path string, limit int) (text []byte, all bool, err error) {
	file, err := openFile(path)
	if err != nil {
		return nil, false, err
	}
	f := &File{Path: path, closers: []func(){func() { _ = file.Close() }}}
	defer f.Close()
	var read atomic.Int64
	from, err := f.decompress(bufio.NewReaderSize(&countingReader{file, &read}, buffered))
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	text, err = io.ReadAll(io.LimitReader(from, int64(limit)+1))
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, whole(err))
	}
	if len(text) > limit {
		return text[:limit], false, nil
	}
	return text, true, nil
}

// openFile opens a file that is no directory.
func openFile(path string) (*os.File, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a directory; name the files in it", path)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
