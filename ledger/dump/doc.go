// Package dump publishes a ledger as files for analysis: each table as Parquet and
// as CSV, those of the record by the month, with a manifest that names all of them.
//
// Rows name accounts, items, shops and offers by number, and the whole tables say what
// the numbers stand for. So a month stays as it is, byte for byte, when somebody gets
// another name, is hidden or is merged. Accounts of hidden holders, and those merged
// into others, have a number alone.
package dump
