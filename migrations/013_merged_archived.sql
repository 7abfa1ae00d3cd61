-- An account that is merged into another one is a part of it: it is archived if that one
-- is. Snapshots in which this makes a difference are made again.
CREATE OR REPLACE VIEW account_holders AS
SELECT a.id, a.kind, a.issuer, coalesce(m.holder, a.holder) AS holder,
    CASE WHEN m.account IS NULL THEN a.archived ELSE m.archived END AS archived
FROM accounts a LEFT JOIN (
    SELECT account, holder, archived FROM merges JOIN accounts ON id = target) m ON m.account = a.id;
DELETE FROM day_snapshots WHERE EXISTS (
    SELECT FROM merges m JOIN accounts a ON a.id = m.account JOIN accounts t ON t.id = m.target
    WHERE a.archived IS DISTINCT FROM t.archived);
---- create above / drop below ----
CREATE OR REPLACE VIEW account_holders AS
SELECT a.id, a.kind, a.issuer, coalesce(m.holder, a.holder) AS holder, a.archived
FROM accounts a LEFT JOIN (
    SELECT account, holder FROM merges JOIN accounts ON id = target) m ON m.account = a.id;
