// Package importer writes CSV files into a ledger. A mapping gives the meaning of
// their columns.
//
// A file is read as a stream, plain, gzip or zstd, a bounded number of rows at
// a time, and written by [ledger.Ledger.Append] in batches. Refs depend only on
// the file and the mapping, so an import can be repeated, and continued after an
// interruption: what is already in the ledger is skipped. Amounts are exact; none
// passes through a float.
//
// Without SkipInvalid the first bad row ends the import with a [RowError]. Nothing
// of its batch is written; what earlier batches wrote stays.
package importer
