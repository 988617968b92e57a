-- The role of the exporter: what it may see is docs/privileges.md.
CREATE ROLE monitor LOGIN PASSWORD 'monitor';
GRANT pg_monitor TO monitor;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
