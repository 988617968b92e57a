-- Look-alikes that match exactly: every operator, function and type of pg_catalog that a path can hide, under its own name and for its own
-- types. Each writes to the server's log when it runs. A statement that does not write a name in full means them where the schema comes
-- first on the path: nothing but the path of a session keeps it from that.
-- :SCHEMA is replaced by the schema.
SET search_path = pg_catalog;
CREATE SCHEMA :SCHEMA;
GRANT USAGE ON SCHEMA :SCHEMA TO PUBLIC;

CREATE FUNCTION :SCHEMA.told(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'foreign code ran: %', what; RETURN true; END $$;

-- The functions of the operators among them.
CREATE FUNCTION pg_temp.like_it(f pg_catalog.oid, name pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$
    SELECT format(
        'CREATE FUNCTION :SCHEMA.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS
         $body$ BEGIN PERFORM :SCHEMA.told(%L); RETURN%s; END $body$',
        name, oidvectortypes(p.proargtypes), CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END,
        p.prorettype::regtype, p.oid::regprocedure, CASE WHEN p.proretset THEN '' ELSE ' NULL' END)
    FROM pg_proc AS p WHERE p.oid = f
$$;

DO $do$
DECLARE
    pseudo oid[] := ARRAY(SELECT oid FROM pg_type WHERE typtype = 'p' AND typname NOT IN ('anyelement', 'anyarray', 'anynonarray', 'record'));
    f record;
    o record;
    made integer := 0;
BEGIN
    FOR f IN
        SELECT p.oid, p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provariadic = 0
          AND NOT EXISTS (SELECT FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid)
          AND NOT p.prorettype = ANY (pseudo)
          AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type) WHERE a.type = ANY (pseudo) OR a.type = 'record'::regtype)
          AND (p.prorettype NOT IN ('anyelement'::regtype, 'anyarray'::regtype, 'anynonarray'::regtype)
               OR EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type)
                          WHERE a.type IN ('anyelement'::regtype, 'anyarray'::regtype, 'anynonarray'::regtype)))
    LOOP
        EXECUTE pg_temp.like_it(f.oid, f.proname::text);
        made := made + 1;
    END LOOP;
    FOR o IN
        SELECT oprname, oprleft, oprright, oprcode FROM pg_operator
        WHERE oprnamespace = 'pg_catalog'::regnamespace
          AND NOT (oprleft = ANY (pseudo) OR oprright = ANY (pseudo)) AND oprright <> 0 AND 'record'::regtype NOT IN (oprleft, oprright)
          AND EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = oprcode AND NOT p.prorettype = ANY (pseudo))
    LOOP
        EXECUTE pg_temp.like_it(o.oprcode, format('op_%s_%s', made, o.oprcode::oid));
        EXECUTE format(
            'CREATE OPERATOR :SCHEMA.%s (%s RIGHTARG = %s, PROCEDURE = :SCHEMA.op_%s_%s)',
            o.oprname, CASE o.oprleft WHEN 0 THEN '' ELSE format('LEFTARG = %s,', o.oprleft::regtype) END, o.oprright::regtype,
            made, o.oprcode::oid);
        made := made + 1;
    END LOOP;
    IF made < 2000 THEN RAISE EXCEPTION 'only % look-alikes', made; END IF;
    FOR f IN
        SELECT p.proname, p.proargtypes[0]::regtype AS argument, p.prorettype::regtype AS returns, p.pronargs FROM pg_proc AS p
        JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND a.aggkind = 'n' AND p.pronargs < 2
          AND (p.pronargs = 0 OR NOT p.proargtypes[0] = ANY (pseudo || 'anyelement'::regtype::oid || 'anyarray'::regtype::oid
               || 'anynonarray'::regtype::oid || 'record'::regtype::oid))
          AND NOT p.prorettype = ANY (pseudo)
    LOOP
        EXECUTE format(
            'CREATE FUNCTION :SCHEMA.step_%s(%s) RETURNS %s LANGUAGE plpgsql AS
             $body$ BEGIN PERFORM :SCHEMA.told(%L); RETURN $1; END $body$',
            made, concat_ws(', ', f.returns, f.argument), f.returns, f.proname);
        EXECUTE format('CREATE AGGREGATE :SCHEMA.%I(%s) (SFUNC = :SCHEMA.step_%s, STYPE = %s)',
                       f.proname, coalesce(f.argument::text, '*'), made, f.returns);
        made := made + 1;
    END LOOP;
    FOR f IN
        SELECT typname FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typelem = 0 AND typname !~ '^(unknown|_)'
    LOOP
        EXECUTE format('CREATE DOMAIN :SCHEMA.%1$I AS pg_catalog.%1$I CHECK (:SCHEMA.told(%1$L))', f.typname);
    END LOOP;
    FOR f IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
              AND relname !~ '^pg_statistic' LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = ('pg_catalog.' || f.relname)::regclass AND atttypid = 'anyarray'::regtype);
        EXECUTE format('CREATE VIEW :SCHEMA.%1$I AS SELECT * FROM pg_catalog.%1$I WHERE :SCHEMA.told(%1$L)', f.relname);
        EXECUTE format('GRANT SELECT ON :SCHEMA.%I TO PUBLIC', f.relname);
    END LOOP;
END $do$;
