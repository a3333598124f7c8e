#!/usr/bin/env bash
# Runs once, in /docker-entrypoint-initdb.d of a new cluster: roles, who may log in from where, settings, slots.
# Passwords are read from files by psql itself, so that none is in a command line, an environment or the log.
set -euo pipefail
source /usr/local/lib/replibench/cluster.sh

sql() { psql -X -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }

# Inside the container whoever could use the socket owns the data directory anyway.
cat >"$PGDATA/pg_hba.conf" <<'HBA'
# TYPE  DATABASE     USER        ADDRESS  METHOD
local   all          all                  trust
host    replication  replicator  all      scram-sha-256
host    all          replicator  all      reject
host    all          all         all      scram-sha-256
HBA

sql -v app="$DB_USER" <<'SQL'
SET log_min_error_statement = panic;
\set db_password `cat /run/secrets/db_password`
\set monitoring_password `cat /run/secrets/monitoring_password`
SET password_encryption = 'scram-sha-256';
CREATE ROLE :"app" LOGIN PASSWORD :'db_password';
CREATE ROLE monitoring LOGIN CONNECTION LIMIT 10 PASSWORD :'monitoring_password' IN ROLE pg_monitor;
SELECT format('ALTER DATABASE %I OWNER TO %I', current_database(), :'app') \gexec
SQL

if [ -e /run/secrets/replication_password ]; then
  sql <<'SQL'
SET log_min_error_statement = panic;
SET password_encryption = 'scram-sha-256';
\set replication_password `cat /run/secrets/replication_password`
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
SQL
fi
for peer in $PEERS; do
  sql -c "SELECT pg_create_physical_replication_slot('$(slot_of "$(name_of "$peer")")')" >/dev/null
done

write_settings
# In this order: with the mark and half a cluster, the next start would neither go on nor make a new one. Without
# the mark it has a whole cluster, and node-start.sh writes it.
rm "$unfinished"
write_mark system-identifier "$(own_system)"
write_mark leader "$NODE_NAME"
