package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// A file is checked and read again after that. It may have changed in between.
func TestAFileThatChangesWhileItIsReadDoesNotEnd(t *testing.T) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	sum := func(b []byte) string {
		h := sha256.Sum256(b)
		return hex.EncodeToString(h[:])
	}
	text := []byte("account,amount\nann,100\n")
	packed := encoder.EncodeAll(text, nil)
	other := encoder.EncodeAll(bytes.Replace(text, []byte("100"), []byte("999"), 1), nil)
	dir := t.TempDir()
	f := File{Path: "postings.csv.zst", Bytes: int64(len(packed)), SHA256: sum(packed), Content: sum(text)}
	for name, c := range map[string]struct {
		has   []byte
		whole bool
	}{"what was written": {packed, true}, "of the same length": {other, false}} {
		if err := os.WriteFile(filepath.Join(dir, f.Path), c.has, 0o600); err != nil {
			t.Fatal(err)
		}
		from, err := open(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := io.ReadAll(from); (err == nil) != c.whole {
			t.Errorf("%s: %q, %v", name, read, err)
		}
		if err := from.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := open(dir, File{Path: "../" + filepath.Base(dir) + "/" + f.Path}); err == nil {
		t.Error("a path that leads elsewhere is opened")
	}
}
