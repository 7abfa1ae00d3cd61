-- How fast pages were, by the hour: how many views fell into each bucket of the scale of
-- the vitals package. No device: how long the server took, whoever asked.
CREATE TABLE page_vitals (
    hour       timestamptz NOT NULL,
    route      text        NOT NULL,           -- a pattern, "/items/{ref}"
    version    text        NOT NULL,           -- of the program that served it
    device     text        NOT NULL CHECK (device IN ('', 'phone', 'desktop')),
    connection text        NOT NULL CHECK (connection IN ('', 'slow', 'fast')),
    views      integer     NOT NULL,
    errors     integer     NOT NULL,           -- of scripts
    lcp        integer[]   NOT NULL,
    inp        integer[]   NOT NULL,
    cls        integer[]   NOT NULL,
    ttfb       integer[]   NOT NULL,
    server     integer[]   NOT NULL,
    PRIMARY KEY (hour, route, version, device, connection)
);

-- The latest failures of our scripts in browsers.
CREATE TABLE script_errors (
    message text        NOT NULL,
    place   text        NOT NULL,              -- file and line
    route   text        NOT NULL,              -- where it was seen last
    version text        NOT NULL,              -- likewise
    first   timestamptz NOT NULL,
    last    timestamptz NOT NULL,
    seen    bigint      NOT NULL,
    PRIMARY KEY (message, place)
);

-- Adds counts of buckets. An empty array is one of zeros.
CREATE FUNCTION add_counts(a integer[], b integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(least(coalesce(x, 0)::bigint + coalesce(y, 0), 2147483647)::integer ORDER BY n), '{}')
    FROM unnest(a, b) WITH ORDINALITY AS counts(x, y, n)
$$;
---- create above / drop below ----
DROP TABLE page_vitals, script_errors;
DROP FUNCTION add_counts;
