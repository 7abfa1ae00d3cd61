-- How far a file that grows was read.
ALTER TABLE sync_streams ADD COLUMN position jsonb;
---- create above / drop below ----
ALTER TABLE sync_streams DROP COLUMN position;
