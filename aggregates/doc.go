// Package aggregates says what the numbers mean: producers, each with its SQL
// beside the struct that it fills, and pure statistics. Producers read rollups,
// never postings, so that their cost follows hours, kinds, items and accounts
// and not the size of the ledger.
package aggregates
