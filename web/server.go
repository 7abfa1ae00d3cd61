package web

import (
	"net/http"
	"time"
)

const writeTimeout = 30 * time.Second

// Server returns a server with a limit on everything that a client could prolong.
// The write timeout is longer than any page takes. A download extends it while
// its reader makes progress.
func Server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConn,
	}
}
