/** Everything that is asked of one PostgreSQL server, in one statement. */
import type { NodeAddress } from '../../model.ts';
import { askOne } from '../ask.ts';
import type { ServerView } from './observation.ts';

/** Functions that fail in one of the two roles stand behind CASE: they are volatile, so only called there. */
const sql = `
WITH me AS (SELECT pg_is_in_recovery() AS recovers)
SELECT json_build_object(
  'role', CASE WHEN recovers THEN 'replica' ELSE 'primary' END,
  'version', current_setting('server_version'),
  'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', CASE
    -- The control file still has the old timeline for a while after a promotion; the WAL's name has not.
    WHEN NOT recovers THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    ELSE greatest(
      (SELECT received_tli FROM pg_stat_wal_receiver),
      (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
      (SELECT timeline_id FROM pg_control_checkpoint())) END,
  -- Nothing is received after a restart without a primary; what was received before is replayed then.
  'lsn', CASE WHEN recovers THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_flush_lsn() END,
  'replayLsn', CASE WHEN recovers THEN pg_last_wal_replay_lsn() END,
  'replayPause', CASE WHEN recovers THEN pg_get_wal_replay_pause_state() END,
  'applyDelayMs', (SELECT setting::bigint FROM pg_settings WHERE name = 'recovery_min_apply_delay'),
  'receiver', (SELECT json_build_object(
      'status', coalesce(status, 'streaming'),
      'host', sender_host,
      'slot', slot_name,
      'silentMs', (extract(epoch FROM clock_timestamp() - last_msg_receipt_time) * 1000)::bigint)
    FROM pg_stat_wal_receiver),
  'conninfo', (SELECT setting FROM pg_settings WHERE name = 'primary_conninfo'),
  'senders', coalesce((SELECT json_agg(json_build_object(
      'applicationName', application_name,
      'state', coalesce(state, 'unknown'),
      'syncState', coalesce(sync_state, 'unknown'),
      'sentLsn', sent_lsn,
      'replayLsn', replay_lsn) ORDER BY application_name)
    FROM pg_stat_replication), '[]'),
  'slots', coalesce((SELECT json_agg(json_build_object(
      'name', slot_name,
      'active', active,
      'walStatus', wal_status,
      'retainedBytes', pg_wal_lsn_diff(
        CASE WHEN recovers THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::bigint)
      ORDER BY slot_name)
    FROM pg_replication_slots), '[]'),
  -- The columns differ between versions (16 added one), so they are summed as they come.
  'conflicts', (SELECT coalesce(sum(value::bigint), 0)
    FROM pg_stat_database_conflicts c, jsonb_each_text(to_jsonb(c)) AS counter(name, value)
    WHERE name LIKE 'confl%'),
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  'maxConnections', current_setting('max_connections')::int,
  'replayWait', (SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'startup'),
  'oldestTransaction', (SELECT json_build_object(
      'pid', pid,
      'applicationName', application_name,
      'ageMs', (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::bigint)
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    ORDER BY xact_start LIMIT 1)
) AS view FROM me`;

type Answer = Omit<ServerView, 'upstreamHost'> & { readonly conninfo: string | null };

/** Throws what the server or the network says. */
export async function observeServer(address: NodeAddress): Promise<ServerView> {
  const { view } = await askOne<{ view: Answer }>(address, sql);
  // The connection string itself stays here: it may carry a password.
  const { conninfo, ...server } = view;
  return { ...server, upstreamHost: hostOf(conninfo) };
}

/** The host that a connection string names. */
export function hostOf(conninfo: string | null): string | null {
  return (
    /(?:^|\s)host=(?:'([^']*)'|(\S+))/
      .exec(conninfo ?? '')
      ?.slice(1)
      .find(Boolean) ?? null
  );
}
