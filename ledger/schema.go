package ledger

// A database may have several ledgers, each in a schema of its own, which search_path
// names. Advisory locks and notification channels are those of the database, so their
// keys and names are made of the schema. In the schema public they are as they were
// before there were others.

// schema is SQL for the name of the schema that has the ledger. Not current_schema():
// that is another one if search_path begins with a schema of something else.
const schema = `(SELECT relnamespace::regnamespace::text AS name FROM pg_class WHERE oid = 'accounts'::regclass)`

// LockSalt is SQL for a bigint that tells the advisory locks of a ledger from those of the
// others in its database: the key of a lock is its constant # LockSalt.
const LockSalt = `(SELECT CASE name WHEN 'public' THEN 0 ELSE hashtextextended(name, 0) END FROM ` + schema + ` AS its)`

// LockSalt32 is likewise for the second half of a lock whose key is in two parts.
const LockSalt32 = `(` + LockSalt + ` >> 32)::integer`

// Apart is SQL for a condition that is always true. It makes Citus read first and then
// insert: an INSERT of a SELECT from tables that goes to a node as it is fails there if it
// has arguments, or functions that are not immutable, such as date_trunc with a time zone.
const Apart = `random() >= 0`

// channel is SQL for the name of the Postgres notification channel for changes. The
// payload is the change's ID, a space, and its tags joined by commas; then, if nothing
// computed before may be shown, a space and the word rewritten.
const channel = `(SELECT 'exchequer_ledger' || CASE name WHEN 'public' THEN '' ELSE '_' || to_hex(hashtextextended(name, 0)) END FROM ` + schema + ` AS its)`
