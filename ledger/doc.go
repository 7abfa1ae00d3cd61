// Package ledger is the record: accounts, transactions, postings, sales and
// shops, the rollups that are kept with them, and exact reads of single things.
//
// Everything is written by [Ledger.Append], which takes a whole batch in one
// database transaction and changes nothing when any part of it is wrong.
// Money is int64 minor units, times are UTC.
package ledger
