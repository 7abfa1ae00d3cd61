-- The days of one source, and whether there is such a source.
CREATE INDEX flow_hours_source ON flow_hours (source, hour);

-- Of a day and each population (personal, private, all, in this order): its holders,
-- zero balances included, what they hold, how it is shared out (null: not
-- available), and the Lorenz curve, one population after the other. A snapshot of
-- the release before has no populations, and is made again.
ALTER TABLE day_snapshots
    ADD population_holders bigint[] NOT NULL DEFAULT '{}',
    ADD population_totals numeric[] NOT NULL DEFAULT '{}',
    ADD population_ginis double precision[] NOT NULL DEFAULT '{}',
    ADD population_top1s double precision[] NOT NULL DEFAULT '{}',
    ADD population_top10s double precision[] NOT NULL DEFAULT '{}',
    ADD population_curves real[] NOT NULL DEFAULT '{}';
CREATE INDEX day_snapshots_incomplete ON day_snapshots (day) WHERE population_holders = '{}';
---- create above / drop below ----
DROP INDEX day_snapshots_incomplete;
ALTER TABLE day_snapshots DROP population_holders, DROP population_totals, DROP population_ginis, DROP population_top1s,
    DROP population_top10s, DROP population_curves;
DROP INDEX flow_hours_source;
