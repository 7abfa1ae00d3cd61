// Package ledger is the record: accounts, transactions, postings, sales and
// shops, and the rollups that are kept with them.
//
// Everything is written by [Ledger.Append]. It writes a whole batch in one
// database transaction, and nothing if any part of it is wrong. Money is int64
// minor units, times are UTC.
package ledger
