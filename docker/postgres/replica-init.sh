#!/usr/bin/env bash
# replica-init.sh HOST: makes this node's data a copy of the primary HOST, streaming through a slot of its own.
# Interrupted or failed it leaves the mark `unfinished`, and the next start begins again.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/cluster.sh"

readonly leader=$1

mark=$(read_mark system-identifier)
answer=$(ask "$leader") || {
  say "$(name_of "$leader") does not answer: $(head -n 1 "$last_problem")"
  exit 1
}
read -r _ system _ <<<"$answer"
if [ -n "$mark" ] && [ "$mark" != "$system" ]; then
  refuse "the primary $(name_of "$leader") is of cluster $system, this stack is cluster $mark"
fi

echo 'base backup' >"$unfinished"
empty_data
# A slot left by an earlier life of this node may be lost already: a new copy begins with a new slot.
if [ -n "$(replication "$leader" "READ_REPLICATION_SLOT $(slot_name)" | tr -d ' ')" ]; then
  replication "$leader" "DROP_REPLICATION_SLOT $(slot_name)" ||
    { say "slot $(slot_name) on $(name_of "$leader"): $(head -n 1 "$last_problem")"; exit 1; }
fi
ensure_slot "$leader" || { say "no slot on $(name_of "$leader"): $(head -n 1 "$last_problem")"; exit 1; }

say "copying $(name_of "$leader")"
# Under another name: the copy's WAL stream must not be taken for a replica that streams.
pg_basebackup --pgdata="$PGDATA" --dbname="$(connection_to "$leader" "${NODE_NAME}_base_backup")" --slot="$(slot_name)" \
  --wal-method=stream --checkpoint=fast --no-password ${BASE_BACKUP_MAX_RATE:+--max-rate="$BASE_BACKUP_MAX_RATE"}
point_at "$leader"
touch "$PGDATA/standby.signal"
sync
rm "$unfinished"
say "copied $(name_of "$leader"): standby with slot $(slot_name)"
