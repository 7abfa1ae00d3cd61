// Package native writes a ledger as a folder of CSV files, and reads such a
// folder into a ledger. The files are settings, accounts, items, places,
// shops, offers, transactions, postings and sales; docs/import.md documents their columns.
// Balances and rollups are not part of the set, since they follow from it.
//
// Both directions stream. An export is one snapshot of the ledger. An import uses
// [ledger.Ledger.Append], so it can be repeated and resumed. An import of an export
// gives the same ledger, with rows in the same order.
package native
