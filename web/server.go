package web

import (
	"net/http"
	"time"
)

const writeTimeout = 30 * time.Second

// Server returns a server with a limit on everything a client may draw out.
// The write timeout is above the longest page; a download extends it while its
// reader goes on taking.
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
