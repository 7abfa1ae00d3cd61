package web

import (
	"net/http"
	"time"
)

// Limits on what a reader may take. A download may last, as long as the reader
// goes on taking.
const (
	writeTimeout  = 30 * time.Second
	downloadLimit = 10 * time.Minute
	downloads     = 2 // at the same time, each with a database connection
)

// Server returns a server with a limit on everything a client may draw out.
// The write timeout is above the longest page; a download that takes longer
// extends it while it makes progress.
func Server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}
