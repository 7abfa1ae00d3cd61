// Package connector follows the database of another program and keeps a ledger in step
// with it.
//
// A [Preset] has the queries and what their rows mean. A [Follower] reads what is new
// every second, writes it by [ledger.Ledger.Append], and every now and then compares the
// balances of both sides. It never writes to the source, and holds no transaction there
// for longer than a batch takes to be written, or a comparison.
//
// Everything may be read again at any time, since refs are made of the source's own ids:
// after the process has ended in the middle, and while a second process follows the same
// source. A row that is bad is kept with its reason, and holds nothing up. A source that
// is away is tried again, later and later, up to once a minute.
package connector
