-- A schema full of look-alikes, each of which writes to the server's log when it runs: an operator for every pair of
-- types that pg_catalog has no operator of that name for, a function, an aggregate, a type and a relation of every name
-- that a statement could have meant. What a statement means exactly is found in pg_catalog in spite of them.
-- :SCHEMA is replaced by the schema; :FUNCTIONS and :RELATIONS by arrays of the names that statements use.
SET search_path = pg_catalog;
CREATE SCHEMA IF NOT EXISTS :SCHEMA;
GRANT USAGE ON SCHEMA :SCHEMA TO PUBLIC;

CREATE FUNCTION :SCHEMA.told(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'foreign code ran: %', what; RETURN true; END $$;

DO $do$
DECLARE
    types regtype[] := ARRAY['bool', 'int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'text', 'name', '"char"',
                             'varchar', 'xid', 'pg_lsn', 'timestamptz', 'interval', 'regclass', 'text[]', 'name[]', 'oid[]'];
    kind record;
    l regtype;
    r regtype;
BEGIN
    FOREACH l IN ARRAY types LOOP
        FOREACH r IN ARRAY types LOOP
            FOR kind IN SELECT * FROM (VALUES
                ('bool', '{=,<>,<,>,<=,>=,~~,!~~,~,!~}'::text[]), ('text', '{||}'), ('float8', '{+,-,*,/}')
            ) AS k (returns, names)
            LOOP
                EXECUTE format(
                    'CREATE FUNCTION :SCHEMA.op_%s(%s, %s) RETURNS pg_catalog.%s LANGUAGE plpgsql AS
                     $$ BEGIN PERFORM :SCHEMA.told(%L); RETURN NULL; END $$',
                    kind.returns, l, r, kind.returns, format('operator of %s and %s', l, r));
                FOR i IN 1 .. array_length(kind.names, 1) LOOP
                    CONTINUE WHEN EXISTS (
                        SELECT FROM pg_catalog.pg_operator
                        WHERE oprname::text = kind.names[i] AND oprleft = l::oid AND oprright = r::oid
                          AND oprnamespace = 'pg_catalog'::regnamespace::oid);
                    EXECUTE format(
                        'CREATE OPERATOR :SCHEMA.%s (LEFTARG = %s, RIGHTARG = %s, PROCEDURE = :SCHEMA.op_%s)',
                        kind.names[i], l, r, kind.returns);
                END LOOP;
            END LOOP;
        END LOOP;
    END LOOP;
END $do$;

DO $do$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.proname, pg_catalog.oidvectortypes(p.proargtypes) AS arguments, p.prorettype::regtype::text AS returns, p.proretset,
               EXISTS (SELECT FROM pg_catalog.pg_aggregate AS a WHERE a.aggfnoid = p.oid) AS is_aggregate,
               p.proargtypes[0]::regtype::text AS argument
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace::oid AND p.proname::text = ANY (:FUNCTIONS)
          AND p.prorettype NOT IN (SELECT oid FROM pg_catalog.pg_type WHERE typtype = 'p' AND typname <> 'record')
          AND NOT EXISTS (
              SELECT FROM unnest(p.proargtypes) AS a (type) JOIN pg_catalog.pg_type AS t ON t.oid = a.type
              WHERE t.typtype = 'p' AND t.typname !~ '^any(element|array)$')
    LOOP
        IF NOT f.is_aggregate THEN
            EXECUTE format(
                'CREATE FUNCTION :SCHEMA.%1$I(%2$s) RETURNS %3$s LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM :SCHEMA.told(%1$L); RETURN %4$s; END $$',
                f.proname, f.arguments, CASE WHEN f.proretset THEN 'SETOF ' ELSE '' END || f.returns,
                CASE WHEN f.proretset THEN '' ELSE 'NULL' END);
        ELSIF f.arguments = '' THEN
            EXECUTE format(
                'CREATE FUNCTION :SCHEMA.step(%1$s) RETURNS %1$s LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM :SCHEMA.told(%2$L); RETURN $1; END $$',
                f.returns, f.proname);
            EXECUTE format('CREATE AGGREGATE :SCHEMA.%1$I(*) (SFUNC = :SCHEMA.step, STYPE = %2$s)', f.proname, f.returns);
        ELSIF f.returns::text !~ '^any' AND f.arguments !~ '[,]' THEN
            EXECUTE format(
                'CREATE FUNCTION :SCHEMA.step_%1$s(%2$s, %3$s) RETURNS %2$s LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM :SCHEMA.told(%1$L); RETURN $1; END $$',
                f.proname, f.returns, f.argument);
            EXECUTE format('CREATE AGGREGATE :SCHEMA.%1$I(%3$s) (SFUNC = :SCHEMA.step_%1$s, STYPE = %2$s)',
                           f.proname, f.returns, f.argument);
        END IF;
    END LOOP;
END $do$;

DO $do$
DECLARE
    t text;
BEGIN
    -- The keywords among the type names (int, interval, bit) mean pg_catalog's in every path.
    FOREACH t IN ARRAY '{text,name,oid,int4,int8,float8,regclass,pg_lsn,xid,timestamptz}'::text[] LOOP
        EXECUTE format('CREATE DOMAIN :SCHEMA.%1$I AS pg_catalog.%1$I CHECK (:SCHEMA.told(%1$L))', t);
    END LOOP;
    FOREACH t IN ARRAY :RELATIONS LOOP
        IF to_regclass('pg_catalog.' || quote_ident(t)) IS NOT NULL THEN
            EXECUTE format('CREATE VIEW :SCHEMA.%1$I AS SELECT * FROM pg_catalog.%1$I WHERE :SCHEMA.told(%1$L)', t);
            EXECUTE format('GRANT SELECT ON :SCHEMA.%I TO PUBLIC', t);
        END IF;
    END LOOP;
END $do$;
