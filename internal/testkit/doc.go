// Package testkit gives tests the real things: a fresh migrated database on a
// Postgres server that the test process shares, a Redis server, the shared
// data sets. Nothing of it outlives the test process, however that ends.
package testkit
