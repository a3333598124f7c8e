#!/usr/bin/env bash
# Entrypoint of every PostgreSQL node. What a node is, its data says, not its name: any node may have been
# promoted. Empty data becomes a copy of the running primary, or, on FIRST_NODE of a new stack, a new cluster.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/cluster.sh"

readonly leader_wait_s=${LEADER_WAIT_S:-30}

# As root: owners, the password file of the replicator, the application's password for read-only containers.
prepare_container() {
  mkdir -p "$PGDATA" "$marks"
  chown postgres:postgres "${PGDATA%/*}" "$PGDATA" "$marks" /var/run/postgresql
  chmod 0700 "$PGDATA"
  local secret password
  for secret in /run/secrets/*; do
    if [ ! -s "$secret" ]; then refuse "the secret $(basename "$secret") is empty"; fi
  done
  if [ -e /run/secrets/replication_password ]; then
    password=$(sed 's/[\\:]/\\&/g' /run/secrets/replication_password)
    install -m 0600 -o postgres -g postgres /dev/null "$replicator_passfile"
    echo "*:*:*:replicator:$password" >"$replicator_passfile"
  fi
  if [ -d /run/credentials ]; then
    install -m 0400 -o 1000 -g 1000 /run/secrets/db_password /run/credentials/.db_password
    mv /run/credentials/.db_password /run/credentials/db_password
  fi
}

# With no primary to copy: a new cluster only where none was ever made.
may_create() {
  [ "$(host_of "$NODE_NAME")" = "$FIRST_NODE" ] && [ -z "$(read_mark system-identifier)" ] || return 1
  local peer
  for peer in $PEERS; do
    if ask "$peer" >/dev/null; then return 1; fi
  done
}

begin() {
  local leader waited=0
  while true; do
    if leader=$(find_leader); then
      local code=0
      # In the background, so that a stop does not wait for the end of a copy.
      "${BASH_SOURCE[0]%/*}/replica-init.sh" "${leader%% *}" &
      wait "$!" || code=$?
      case $code in
        0) return ;;
        "$refused") exit "$refused" ;;
      esac
      sleep 3
    elif may_create; then
      say 'no cluster yet: making one'
      echo initialisation >"$unfinished"
      return
    else
      if [ $((waited % 10)) -eq 0 ]; then
        say "no data here and no primary among: $PEERS; waiting for one ($(head -n 1 "$last_problem" 2>/dev/null))"
        if [ -n "$(read_mark system-identifier)" ]; then
          say "cluster $(read_mark system-identifier) exists, so no second one is made: start its primary, $(read_mark leader)"
        fi
      fi
      sleep 1
      waited=$((waited + 1))
    fi
  done
}

refuse_foreign() {
  local where=$1 system=$2
  if [ "$(own_system)" != "$system" ]; then
    refuse "this node's data is of cluster $(own_system), $where is cluster $system. To copy the right one," \
      "remove the volume postgres-$NODE_NAME-data; this node's rows are lost by that"
  fi
}

resume_standby() {
  # A look takes longer than its pause where a peer's network is gone: the clock says when to stop.
  local mark found leader system timeline deadline=$((SECONDS + leader_wait_s))
  mark=$(read_mark system-identifier)
  if [ -n "$mark" ]; then refuse_foreign 'this stack' "$mark"; fi
  until found=$(find_leader) || [ "$SECONDS" -ge "$deadline" ]; do
    sleep 1
  done
  if [ -z "$found" ]; then
    say "no primary among: $PEERS; serving reads of what is here until one comes"
    mark=$(read_mark leader)
    if [ -n "$mark" ] && [ "$mark" != "$NODE_NAME" ]; then point_at "$(host_of "$mark")"; fi
  else
    read -r leader system timeline <<<"$found"
    refuse_foreign "its primary $(name_of "$leader")" "$system"
    if [ "$(own_timeline)" -gt "$timeline" ]; then
      refuse "this node's data is on timeline $(own_timeline), the primary $(name_of "$leader") on the older" \
        "$timeline: see 'replibench doctor'"
    fi
    ensure_slot "$leader" || say "no slot on $(name_of "$leader"): $(head -n 1 "$last_problem")"
    point_at "$leader"
    say "standby of $(name_of "$leader")"
  fi
  # Slots from a time as primary: no node streams from a standby here, they would only hold WAL.
  local peer
  for peer in $PEERS; do rm -rf "$PGDATA/pg_replslot/$(slot_of "$(name_of "$peer")")"; done
}

resume_primary() {
  local mark found leader timeline
  mark=$(read_mark system-identifier)
  if [ -n "$mark" ]; then refuse_foreign 'this stack' "$mark"; fi
  mark=$(read_mark leader)
  if [ -n "$mark" ] && [ "$mark" != "$NODE_NAME" ]; then
    refuse "this node was a primary (timeline $(own_timeline)), but $mark was promoted after it." \
      "Rejoin it as a standby: 'replibench failover --to $mark' or 'replibench doctor --fix'"
  fi
  if found=$(find_leader); then
    read -r leader _ timeline <<<"$found"
    if [ "$timeline" -ge "$(own_timeline)" ]; then
      refuse "$(name_of "$leader") is primary on timeline $timeline, this node's data a primary's on timeline" \
        "$(own_timeline): two primaries. Rejoin it: 'replibench failover --to $(name_of "$leader")' or 'replibench doctor --fix'"
    fi
  fi
  write_mark system-identifier "$(own_system)"
  write_mark leader "$NODE_NAME"
}

if [ "$(id -u)" = 0 ]; then
  prepare_container
  exec gosu postgres "${BASH_SOURCE[0]}" "$@"
fi

# A stop must not wait for the end of what a waiting node does.
trap 'exit 130' INT TERM

if [ -e "$unfinished" ]; then
  say "interrupted before: $(cat "$unfinished"); starting over"
  empty_data
fi
if ! has_data; then
  begin
elif is_standby; then
  resume_standby
else
  resume_primary
fi
if has_data; then write_settings; fi
exec docker-entrypoint.sh postgres "$@"
