// Package archive moves months of the record into files, and brings them back.
//
// A month is a folder with a set of native files, as an export has them, of that month
// alone: package native imports it into any ledger. Some columns more, the numbers by
// which the ledger knows its rows, are for Restore, which makes the ledger what it was.
//
// A month is removed when its files were written, synced and read back, and the ledger
// has their checksums. Whatever is interrupted goes on with the next call: until a month
// is removed its files are written again, and after that they are never touched.
package archive
