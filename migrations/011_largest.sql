-- The 10 largest transactions of each flow and day of the community, with what each
-- moved by that flow, largest first, of equal ones the one that was written first.
CREATE TABLE flow_largest (
    source       text     NOT NULL,
    day          date     NOT NULL,
    from_kind    text     NOT NULL,
    from_issuer  boolean  NOT NULL,
    to_kind      text     NOT NULL,
    to_issuer    boolean  NOT NULL,
    transactions bigint[] NOT NULL,           -- ids
    volumes      bigint[] NOT NULL,
    PRIMARY KEY (source, day, from_kind, from_issuer, to_kind, to_issuer)
);

-- What each of several parties pays each of several, as an append shares it out: in
-- proportion, party by party, by largest remainder, the earlier one on a tie. Both
-- arrays have the same sum.
CREATE FUNCTION flow_shares(paid numeric[], received numeric[])
RETURNS TABLE (from_party integer, to_party integer, volume numeric) LANGUAGE plpgsql AS $shares$
DECLARE
    lacking   numeric[] := received;
    total     numeric := (SELECT sum(r) FROM unnest(received) AS r);
    parts     numeric[];
    remainder numeric[];
    rest      numeric;
    largest   integer;
BEGIN
    FOR f IN 1 .. cardinality(paid) LOOP
        CONTINUE WHEN paid[f] = 0;
        SELECT array_agg(div(paid[f] * lack, total) ORDER BY nr), array_agg(mod(paid[f] * lack, total) ORDER BY nr)
            INTO parts, remainder FROM unnest(lacking) WITH ORDINALITY AS l (lack, nr);
        rest := paid[f] - (SELECT sum(p) FROM unnest(parts) AS p);
        WHILE rest > 0 LOOP
            SELECT nr INTO largest FROM unnest(remainder) WITH ORDINALITY AS r (of, nr) ORDER BY of DESC, nr LIMIT 1;
            parts[largest] := parts[largest] + 1;
            remainder[largest] := 0;
            rest := rest - 1;
        END LOOP;
        FOR t IN 1 .. cardinality(parts) LOOP
            lacking[t] := lacking[t] - parts[t];
            IF parts[t] > 0 THEN
                from_party := f;
                to_party := t;
                volume := parts[t];
                RETURN NEXT;
            END IF;
        END LOOP;
        total := total - paid[f];
    END LOOP;
END $shares$;

-- Parties are numbered: two a kind, the second one of issuers.
WITH nets AS (
    SELECT transaction, account, sum(amount) AS net FROM postings GROUP BY transaction, account HAVING sum(amount) <> 0),
sides AS (
    SELECT transaction, 2 * array_position(ARRAY['personal', 'business', 'government', 'system'], kind) - 1 + issuer::integer AS party,
        sum(greatest(-net, 0)) AS paid, sum(greatest(net, 0)) AS received
    FROM nets JOIN accounts ON id = account GROUP BY 1, 2),
sizes AS (
    SELECT transaction, count(*) FILTER (WHERE paid > 0) AS payers, count(*) FILTER (WHERE received > 0) AS receivers
    FROM sides GROUP BY transaction HAVING sum(paid) = sum(received)),
flows AS (
    SELECT transaction, p.party AS from_party, r.party AS to_party, CASE WHEN payers = 1 THEN r.received ELSE p.paid END AS volume
    FROM sizes JOIN sides p USING (transaction) JOIN sides r USING (transaction)
    WHERE p.paid > 0 AND r.received > 0 AND (payers = 1 OR receivers = 1)
    UNION ALL
    SELECT transaction, shares.*
    FROM (
        SELECT z.transaction, array_agg(coalesce(paid, 0) ORDER BY n) AS paid, array_agg(coalesce(received, 0) ORDER BY n) AS received
        FROM sizes z CROSS JOIN generate_series(1, 8) AS n LEFT JOIN sides s ON s.transaction = z.transaction AND s.party = n
        WHERE payers > 1 AND receivers > 1
        GROUP BY z.transaction) AS several CROSS JOIN LATERAL flow_shares(paid, received) AS shares),
ranked AS (
    SELECT source, (date_trunc('hour', at, 'UTC') AT TIME ZONE coalesce((SELECT timezone FROM settings), 'UTC'))::date AS day,
        from_party, to_party, transaction, volume
    FROM flows JOIN transactions ON id = transaction),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY source, day, from_party, to_party ORDER BY volume DESC, transaction) AS nr FROM ranked)
INSERT INTO flow_largest
SELECT source, day, kinds[(from_party + 1) / 2], from_party % 2 = 0, kinds[(to_party + 1) / 2], to_party % 2 = 0,
    array_agg(transaction ORDER BY nr), array_agg(volume::bigint ORDER BY nr)
FROM numbered, (SELECT ARRAY['personal', 'business', 'government', 'system'] AS kinds) AS k
WHERE nr <= 10
GROUP BY source, day, from_party, to_party, kinds;
DROP FUNCTION flow_shares;
---- create above / drop below ----
DROP TABLE flow_largest;
