// Package testkit provides real servers for tests: a fresh migrated database on a
// Postgres server shared by the test process, Redis servers, and the shared data
// sets. Nothing outlives the test process, however that ends.
package testkit
