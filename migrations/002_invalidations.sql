-- What operators have forbidden: values of a scope from before a generation,
-- which is a time in microseconds, are not shown again. The shared level of the
-- cache has these too, and may lose them.
CREATE TABLE invalidations (
    scope      text   PRIMARY KEY,
    generation bigint NOT NULL
);
CREATE INDEX invalidations_generation ON invalidations (generation);
---- create above / drop below ----
DROP TABLE invalidations;
