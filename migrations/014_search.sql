-- The search finds names by how they begin, whatever their case: these indexes serve
-- that, and whether two are equal, as those before them did.
DROP INDEX accounts_name, accounts_ref, account_names_name, places_name;
CREATE INDEX accounts_name ON accounts (lower(name) text_pattern_ops);
CREATE INDEX accounts_ref ON accounts (lower(ref) text_pattern_ops);
CREATE INDEX account_names_name ON account_names (lower(name) text_pattern_ops);
CREATE INDEX places_name ON places (lower(name) text_pattern_ops);
CREATE INDEX items_lower_ref ON items (lower(ref) text_pattern_ops);
CREATE INDEX shops_place ON shops (lower(place) text_pattern_ops);
CREATE INDEX shops_lower_ref ON shops (lower(ref) text_pattern_ops);
CREATE INDEX holders_name ON holders (lower(name) text_pattern_ops);
CREATE INDEX holders_lower_ref ON holders (lower(ref) text_pattern_ops);

-- Makes the indexes by which names are found that contain a text or are spelled
-- alike, and reports whether they are there. They need the extension pg_trgm, which
-- the server may lack or the role may not be allowed to create: then the search does
-- without. An operator who has created it since calls the function once.
CREATE FUNCTION search_by_trigrams() RETURNS boolean LANGUAGE plpgsql AS $trigrams$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        RETURN false;
    END IF;
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS accounts_trigrams ON accounts USING gin (lower(name) gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS account_names_trigrams ON account_names USING gin (lower(name) gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS holders_trigrams ON holders USING gin (lower(name) gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS items_trigrams ON items USING gin (lower(name) gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS shops_trigrams ON shops USING gin (lower(place) gin_trgm_ops);
    CREATE INDEX IF NOT EXISTS places_trigrams ON places USING gin (lower(name) gin_trgm_ops);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'the search goes without pg_trgm: %', SQLERRM;
    RETURN false;
END $trigrams$;
SELECT search_by_trigrams();
---- create above / drop below ----
DROP FUNCTION search_by_trigrams();
DROP INDEX IF EXISTS places_trigrams, shops_trigrams, items_trigrams, holders_trigrams, account_names_trigrams, accounts_trigrams;
DROP INDEX holders_lower_ref, holders_name, shops_lower_ref, shops_place, items_lower_ref, places_name, account_names_name, accounts_ref, accounts_name;
CREATE INDEX accounts_ref ON accounts (lower(ref));
CREATE INDEX accounts_name ON accounts (lower(name));
CREATE INDEX account_names_name ON account_names (lower(name));
CREATE INDEX places_name ON places (lower(name));
