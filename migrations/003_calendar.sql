-- The time zone of the community, by its IANA name. Its days are those of
-- account_days and day_snapshots.
ALTER TABLE settings ADD COLUMN timezone text NOT NULL DEFAULT 'UTC';
---- create above / drop below ----
ALTER TABLE settings DROP COLUMN timezone;
