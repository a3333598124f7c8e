#!/usr/bin/env bash
# The official image's contract: with an empty PGDATA make a cluster from POSTGRES_USER, POSTGRES_PASSWORD,
# POSTGRES_DB, POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD (each also as NAME_FILE), run what is in
# /docker-entrypoint-initdb.d on a server that only the Unix socket reaches, then start the real server.
set -Eeuo pipefail

fail() {
  printf 'Error: %s\n' "$*" >&2
  exit 1
}

# file_env NAME [DEFAULT]: NAME, or the content of the file that NAME_FILE names.
file_env() {
  local name=$1 file_name="${1}_FILE" value=${2:-}
  if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then fail "both $name and $file_name are set"; fi
  if [ -n "${!name:-}" ]; then value=${!name}; fi
  if [ -n "${!file_name:-}" ]; then value=$(<"${!file_name}"); fi
  export "$name=$value"
  unset "$file_name"
}

read_settings() {
  file_env POSTGRES_PASSWORD
  file_env POSTGRES_USER postgres
  file_env POSTGRES_DB "$POSTGRES_USER"
  file_env POSTGRES_INITDB_ARGS
  : "${POSTGRES_HOST_AUTH_METHOD:=}"
  if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != trust ]; then
    fail 'the database is uninitialized and POSTGRES_PASSWORD is not set'
  fi
}

make_cluster() {
  local options
  eval "options=($POSTGRES_INITDB_ARGS)"
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    ${POSTGRES_INITDB_WALDIR:+--waldir="$POSTGRES_INITDB_WALDIR"} "${options[@]}"
  local method=$POSTGRES_HOST_AUTH_METHOD
  if [ -z "$method" ]; then method=$(postgres -C password_encryption); fi
  printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
}

process_sql() {
  PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --no-password \
    --dbname "${database:-$POSTGRES_DB}" "$@"
}

run_init_files() {
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) if [ -x "$file" ]; then echo "$0: running $file" && "$file"; else echo "$0: sourcing $file" && . "$file"; fi ;;
      *.sql) echo "$0: running $file" && process_sql -f "$file" ;;
      *.sql.gz) echo "$0: running $file" && gunzip -c "$file" | process_sql ;;
      *.sql.xz) echo "$0: running $file" && xzcat "$file" | process_sql ;;
      *.sql.zst) echo "$0: running $file" && zstd -dc "$file" | process_sql ;;
      */\*) ;;
      *) echo "$0: ignoring $file" ;;
    esac
  done
}

initialise() {
  read_settings
  make_cluster
  export PGPASSWORD="${PGPASSWORD-$POSTGRES_PASSWORD}"
  NOTIFY_SOCKET='' pg_ctl -D "$PGDATA" -o "$(printf '%q ' "$@" -c listen_addresses= -p "${PGPORT:-5432}")" -w start
  if [ "$POSTGRES_DB" != postgres ]; then
    database=postgres process_sql --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
  fi
  run_init_files
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGPASSWORD
  echo 'PostgreSQL init process complete; ready for start up.'
}

asks_only() {
  local argument
  for argument in "$@"; do
    case $argument in
      -'?' | --help | --describe-config | -V | --version) return 0 ;;
    esac
  done
  return 1
}

main() {
  if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
  if [ "$1" = postgres ] && ! asks_only "$@"; then

    mkdir -p "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
      chmod 0700 "$PGDATA"
      find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
      exec gosu postgres "${BASH_SOURCE[0]}" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then initialise "${@:2}"; fi
  fi
  exec "$@"
}

main "$@"
