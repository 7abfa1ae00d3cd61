-- The list of all transactions, newest first, and that of one source.
CREATE INDEX transactions_at ON transactions (at, id);
CREATE INDEX transactions_source ON transactions (source, at, id);

-- The lines of trade that belong to a transaction.
CREATE INDEX sales_transaction ON sales (transaction) WHERE transaction IS NOT NULL;
---- create above / drop below ----
DROP INDEX sales_transaction, transactions_source, transactions_at;
