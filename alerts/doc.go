// Package alerts watches rules over the ledger and sends a message when one holds.
//
// Once a window one process of the fleet evaluates all rules: numbers come from the
// memos that pages show too, transactions and sales from the record, by one query for
// all accounts and one for all shops. What it finds, the new state of the rules and the
// messages are written in one database transaction, so that an alert is never lost and
// never made twice. Any process then sends: a message goes at least once to each of its
// receivers, always with the same id.
//
// Nothing is sent to an address that is not public, unless the operator allows it. A
// receiver that fails is tried later and later, and is turned off after a day. The
// operators' secrets stay in memory: neither the database nor the log has them.
//
// People who have signed in have rules and receivers of their own, in the database, with
// the secrets of these. They watch what they may see, and of accounts and shops only what
// belongs to them, which is looked at again in each window and before each message.
package alerts
