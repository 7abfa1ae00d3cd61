// Package importer writes CSV files into a ledger, by a mapping that says what
// the columns mean.
//
// A file is read as a stream, plain, gzip or zstd, a bounded number of rows at
// a time, and written by [ledger.Ledger.Append] in batches. The names of what
// is written depend on the file and the mapping alone, so that an import can
// be repeated, and one that was interrupted goes on: what is known already is
// skipped. Amounts are exact; nothing passes through a float.
//
// Without SkipInvalid the first bad row ends the import with a [RowError].
// Nothing of its batch is written; what earlier batches wrote stays.
package importer
