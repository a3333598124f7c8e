# shellcheck shell=bash
# What the node scripts share: where things are, how a peer is asked, how a standby is pointed at its primary.
# Environment: NODE_NAME (primary, replica1 ...), PEERS (host names of the other nodes), PGDATA.

# The programs themselves, before Debian's wrappers of the same names, which start a Perl each time.
PATH=/usr/lib/postgresql/${PG_MAJOR:-none}/bin:$PATH

# Shared by all nodes: which cluster this stack is (`system-identifier`) and who was promoted last (`leader`).
readonly marks=/var/lib/replibench
# Beside the data, there while a cluster is being made or copied: what it finds at start is half a cluster.
readonly unfinished=${PGDATA%/*}/unfinished
readonly replicator_passfile=/var/run/postgresql/replicator.pgpass
readonly last_problem=/tmp/last-problem

say() { echo "[$NODE_NAME] $*" >&2; }

readonly refused=3

refuse() {
  say "REFUSED to start: $*"
  exit "$refused"
}

host_of() { echo "postgres-$1"; }
name_of() { echo "${1#postgres-}"; }
slot_of() { echo "${1//-/_}"; }
slot_name() { slot_of "$NODE_NAME"; }

read_mark() { cat "$marks/$1" 2>/dev/null || true; }

write_mark() {
  local temporary
  temporary=$(mktemp "$marks/.$1.XXXXXX")
  echo "$2" >"$temporary"
  chmod 0644 "$temporary"
  mv "$temporary" "$marks/$1"
}

has_data() { [ -s "$PGDATA/PG_VERSION" ]; }
is_standby() { [ -e "$PGDATA/standby.signal" ]; }
empty_data() { find "$PGDATA" -mindepth 1 -delete; }
control() { LC_ALL=C pg_controldata -D "$PGDATA" | sed -n "s/^$1: *//p"; }
own_system() { control 'Database system identifier'; }

# A just promoted node has its history file before the control file knows the new timeline.
own_timeline() {
  local from_control newest
  from_control=$(control "Latest checkpoint's TimeLineID")
  newest=$(find "$PGDATA/pg_wal" -maxdepth 1 -name '*.history' -printf '%f\n' | sort | tail -n 1)
  newest=${newest%.history}
  newest=$((16#${newest:-0}))
  echo $((newest > from_control ? newest : from_control))
}

# connection_to HOST [APPLICATION_NAME]
connection_to() {
  echo "host=$1 port=5432 user=replicator passfile=$replicator_passfile application_name=${2:-$NODE_NAME} connect_timeout=10"
}

# replication HOST COMMAND: a command of the replication protocol, which needs no rights but REPLICATION.
replication() {
  psql -XqAt -F ' ' "$(connection_to "$1") replication=true" -c "$2" 2>"$last_problem"
}

# ask HOST: "primary SYSTEM TIMELINE" or "standby SYSTEM TIMELINE" of a running node; fails when nobody answers.
ask() {
  local host=$1 recovery system timeline
  { read -r recovery && read -r system timeline _; } < <(
    psql -XqAt -F ' ' "$(connection_to "$host") replication=true" \
      -c 'SHOW in_hot_standby' -c IDENTIFY_SYSTEM 2>"$last_problem.new"
  ) || { mv "$last_problem.new" "$last_problem"; return 1; }
  case $recovery in
    on) echo "standby $system $timeline" ;;
    off) echo "primary $system $timeline" ;;
  esac
}

# find_leader: "HOST SYSTEM TIMELINE" of the peer that is primary, of several the one on the highest timeline, of
# those the one that was promoted last.
find_leader() {
  local peer answer last
  # Of this look: a peer that answers must not blot out why another one did not.
  : >"$last_problem"
  last=$(host_of "$(read_mark leader)")
  for peer in $PEERS; do
    if answer=$(ask "$peer") && [ "${answer%% *}" = primary ]; then
      echo "$peer ${answer#* } $([ "$peer" = "$last" ] && echo 1 || echo 0)"
    fi
  done | sort -n -k 3,3 -k 4,4 | tail -n 1 | cut -d ' ' -f 1-3 | grep .
}

# ensure_slot HOST: this node's slot on its primary, holding WAL from now on.
ensure_slot() {
  local found
  found=$(replication "$1" "READ_REPLICATION_SLOT $(slot_name)") || return 1
  if [ -z "${found// /}" ]; then
    replication "$1" "CREATE_REPLICATION_SLOT $(slot_name) PHYSICAL RESERVE_WAL" >/dev/null
  fi
}

# point_at HOST: where this standby streams from, where ALTER SYSTEM would write it.
point_at() {
  local file=$PGDATA/postgresql.auto.conf
  sed -i -E '/^[[:space:]]*(primary_conninfo|primary_slot_name)[[:space:]]*=/d' "$file"
  printf "primary_conninfo = '%s'\nprimary_slot_name = '%s'\n" "$(connection_to "$1")" "$(slot_name)" >>"$file"
}

# The same on every node, so that any of them can become the primary; ALTER SYSTEM still takes precedence.
write_settings() {
  cat >"$PGDATA/replibench.conf" <<SETTINGS
# Written at every start by docker/postgres/cluster.sh
listen_addresses = '*'
cluster_name = '$NODE_NAME'
password_encryption = 'scram-sha-256'
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
wal_keep_size = 512MB
# A dead replica's slot must not fill the primary's disk: beyond this the slot is given up, the replica rebuilt.
max_slot_wal_keep_size = ${MAX_SLOT_WAL_KEEP_SIZE:-2GB}
# Hint bits in WAL, so that pg_rewind can rejoin an old primary.
wal_log_hints = on
hot_standby = on
hot_standby_feedback = on
max_standby_streaming_delay = 30s
# A peer whose network is gone is given up after this, default 60 s.
wal_sender_timeout = 20s
wal_receiver_timeout = 20s
recovery_end_command = '/usr/local/lib/replibench/mark-leader.sh'
SETTINGS
  if ! grep -q replibench.conf "$PGDATA/postgresql.conf"; then
    echo "include_if_exists = 'replibench.conf'" >>"$PGDATA/postgresql.conf"
  fi
}
