// Package web serves the site and its API. It takes values from memos, renders
// them with package views, and keeps the rendered bytes until a memo has a newer
// value.
//
// A page is a few panels, each with a memo as its source. All sources are asked
// at once, under one budget, and each fails alone: a producer that fails, panics
// or hangs costs its own panel only. If all values are in memory the page is
// warm: its bytes are cached by the versions of its sources, plain and in gzip
// and brotli, and a hit renders nothing. Otherwise the page is cold: the frame is
// sent at once and each panel when it is ready, in any order, without JavaScript.
// All visitors of a cold page before it ends get the same bytes, which are drawn
// and compressed once. They are not cached, here or by the browser.
//
// The bytes of an address are the same for all who may see as much of the ledger. What
// differs between them, the theme, is in "/theme.css".
//
// Visitors read what they can act on. The log has the causes.
package web
