// Package static serves the stylesheets, scripts, icons and fonts. All are
// embedded and compressed once, at start, and are asked for by names that
// carry the hash of their content, so that they may be kept forever: a name
// never means other bytes. Where one file names another ("./vendor/x.js" in a
// module, url(x.woff2) in a stylesheet) the name is replaced by the hashed one.
//
// A name that is not known makes URL panic: pages name files in code only.
package static

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.js admin.css css icons vendor/*.js
var files embed.FS

// sheet is the style sheet that all pages link, and parts the files of which it
// is made. Rules of a later part override those of an earlier one.
const sheet = "app.css"

var parts = []string{"css/frame.css", "css/charts.css", "css/tables.css", "css/pages.css", "css/media.css"}

// prefix is where the files are found on the site.
const prefix = "/static/"

// A file is one embedded file as it is sent.
type file struct {
	url    string
	header http.Header
	bodies bodies
}

var all = sync.OnceValue(func() map[string]*file { return load(files) })

// URL returns the address of an embedded file: "app.css" gives
// "/static/app.3f2a91c0.css".
func URL(name string) string {
	f := all()[name]
	if f == nil {
		panic(fmt.Sprintf("static file %q is not embedded", name))
	}
	return f.url
}

// Known reports whether Handler has an answer for the path.
func Known(path string) bool {
	return path == favicon || byURL()[path] != nil
}

// favicon is the one name without a hash, since browsers ask for it unasked.
const favicon = "/favicon.ico"

var byURL = sync.OnceValue(func() map[string]*file {
	found := map[string]*file{}
	for _, f := range all() {
		found[f.url] = f
	}
	return found
})

// Handler answers below "/static/" and "/favicon.ico".
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == favicon {
			all()["icons/mark.svg"].serve(w, r, "public, max-age=86400")
			return
		}
		f := byURL()[r.URL.Path]
		if f == nil {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r, "public, max-age=31536000, immutable")
	})
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, control string) {
	encoding, body := f.bodies.choose(r.Header.Get("Accept-Encoding"))
	h := w.Header()
	for name, values := range f.header {
		h[name] = values
	}
	h.Set("Cache-Control", control)
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if r.Header.Get("If-None-Match") == h.Get("Etag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader who left is no failure
	}
}

// reference finds the names of other files, relative to the file's own folder.
var reference = regexp.MustCompile(`"(\./[\w./-]+\.js)"|url\(["']?([\w./-]+)["']?\)`)

// comments are those of our files: lines of a module, and any of a stylesheet. They
// are a tenth of what a first visit would load.
var comments = map[string]*regexp.Regexp{
	".js":  regexp.MustCompile(`(?m)^[ \t]*//.*\n`),
	".css": regexp.MustCompile(`(?s)/\*.*?\*/\n?`),
}

func withoutComments(ext string, body []byte) []byte {
	return comments[ext].ReplaceAllLiteral(body, nil)
}

func load(fsys fs.FS) map[string]*file {
	loaded := map[string]*file{}
	var add func(name string) *file
	add = func(name string) *file {
		if f := loaded[name]; f != nil {
			return f
		}
		body, err := read(fsys, name)
		if err != nil {
			return nil
		}
		if ext := path.Ext(name); ext == ".js" || ext == ".css" {
			body = withoutComments(ext, body)
			body = reference.ReplaceAllFunc(body, func(match []byte) []byte {
				groups := reference.FindSubmatch(match)
				relative := string(groups[1]) + string(groups[2])
				if other := add(path.Join(path.Dir(name), relative)); other != nil {
					return []byte(strings.Replace(string(match), relative, other.url, 1))
				}
				return match
			})
		}
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:4])
		ext := path.Ext(name)
		loaded[name] = &file{
			url: prefix + strings.TrimSuffix(name, ext) + "." + hash + ext,
			header: http.Header{
				"Content-Type": {contentType(ext)},
				"Etag":         {`W/"` + hash + `"`},
				"Vary":         {"Accept-Encoding"},
			},
			bodies: compressAll(body, ext),
		}
		return loaded[name]
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !slices.Contains(parts, name) {
			add(name)
		}
		return err
	})
	add(sheet)
	if err != nil {
		panic(fmt.Sprintf("read the embedded files: %v", err)) // they are in the binary
	}
	return loaded
}

// read returns the content of a file. That of the style sheet is its parts.
func read(fsys fs.FS, name string) ([]byte, error) {
	if name != sheet {
		return fs.ReadFile(fsys, name)
	}
	var whole []byte
	for _, part := range parts {
		body, err := fs.ReadFile(fsys, part)
		if err != nil {
			return nil, err
		}
		whole = append(whole, body...)
	}
	return whole, nil
}

// contentType does not ask the machine's own tables, which differ.
func contentType(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		return "application/octet-stream"
	}
}
