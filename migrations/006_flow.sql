-- The days of one source, and whether there is such a source.
CREATE INDEX flow_hours_source ON flow_hours (source, hour);
---- create above / drop below ----
DROP INDEX flow_hours_source;
