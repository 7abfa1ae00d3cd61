// Package aggregates computes the numbers of the site: producers, each with its
// SQL beside the struct that it fills, and pure statistics. Producers read
// rollups, never postings, so their cost follows the number of hours, kinds,
// items and accounts, not the size of the ledger.
package aggregates
