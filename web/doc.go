// Package web answers requests: it asks the memos, lets views draw what they
// say, and keeps the drawn bytes until a memo says something new.
//
// A page is a few panels, each fed by a memo. They are asked for together,
// under one budget, and each is on its own: a producer that fails, panics or
// hangs costs its own panel only. When all of them have something to say at
// once the page is warm: its bytes are remembered by the versions of its
// panels, in plain, gzip and brotli, and a hit renders nothing. When one has
// not, the page is cold: the frame goes out at once and each panel follows
// when it is ready, in any order, without JavaScript. All who ask for a cold
// page before it ends are sent the same bytes, which are drawn and compressed
// once. It is never remembered, here or by the reader's browser.
//
// The bytes of an address are the same for everyone. What differs between
// visitors, the theme, is in "/theme.css".
//
// Visitors learn what they can act on; the reasons behind it are in the log.
package web
