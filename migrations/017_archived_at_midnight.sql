-- An account that is archived at a midnight is part of the day that ends then, since what
-- is paid at that moment is of the day that begins. Snapshots in which this makes a
-- difference are made again.
DELETE FROM day_snapshots WHERE EXISTS (
    SELECT FROM accounts, (SELECT coalesce((SELECT timezone FROM settings), 'UTC') AS name) AS zone
    WHERE archived AT TIME ZONE zone.name = date_trunc('day', archived AT TIME ZONE zone.name));
---- create above / drop below ----
DELETE FROM day_snapshots WHERE EXISTS (
    SELECT FROM accounts, (SELECT coalesce((SELECT timezone FROM settings), 'UTC') AS name) AS zone
    WHERE archived AT TIME ZONE zone.name = date_trunc('day', archived AT TIME ZONE zone.name));
