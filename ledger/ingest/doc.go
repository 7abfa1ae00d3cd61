// Package ingest reads what other programs send to a ledger, as JSON or as a line of
// JSON for each record, and writes it by [ledger.Ledger.Append]. Records and fields are
// called as the files and columns of [exchequer/ledger/native].
//
// A body is written whole or not at all, and all that is wrong with it is reported
// at once, each with its place and field. Reading takes memory by the limits of this
// package, whatever is sent.
package ingest
