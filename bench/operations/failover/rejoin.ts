/** An old primary becomes a standby again: its data is wound back to where the new one parted, or copied anew. */
import type { NodeAddress } from '../../model.ts';
import { type Stack, type StackNode, serviceOf } from '../../topology/compose/stack.ts';
import { docker } from '../../topology/docker/engine.ts';
import { withVolumesOf } from '../actions/one-off.ts';
import { rebuildReplica } from '../actions/rebuild-replica.ts';
import { waitUntilStreams } from '../actions/wait-until-streams.ts';
import { ask, askOne } from '../ask.ts';
import { type WalBeyond, walBeyond } from './wal-beyond.ts';

export type RejoinMethod = 'is a standby already' | 'nothing to wind back' | 'pg_rewind' | 'base backup';

/**
 * `unfinished` beside the data lets the next start copy the primary when we are interrupted in between: data
 * that is half wound back is of no use. The password comes by standard input and stays in a private file.
 */
const script = `
set -euo pipefail
source /usr/local/lib/replibench/cluster.sh
if ! has_data || [ -e "$unfinished" ]; then echo empty; exit; fi
if is_standby; then echo standby; exit; fi
umask 077
export PGPASSFILE=/tmp/rejoin.pgpass
IFS= read -r password
printf '*:*:*:*:%s\\n' "$(printf %s "$password" | sed 's/[\\\\:]/\\\\&/g')" >"$PGPASSFILE"
echo pg_rewind >"$unfinished"
said=$(pg_rewind --target-pgdata="$PGDATA" \\
  --source-server="host=$1 port=5432 user=$POSTGRES_USER dbname=$POSTGRES_DB connect_timeout=5" 2>&1) || {
  # Whatever it has done so far: only a copy is certain now.
  echo "failed $(echo "$said" | grep -iE 'error|fatal' | tail -n 1)"
  exit
}
touch "$PGDATA/standby.signal"
sync
rm "$unfinished"
if grep -q 'no rewind required' <<<"$said"; then echo nothing; else echo rewound; fi
`;

/** Where the primary's timeline began, and so where every other server must be wound back to. */
export async function forkOf(primary: NodeAddress): Promise<string | null> {
  // The last line of a history file names the position at which the timeline before ended.
  const { history } = await askOne<{ history: string | null }>(
    primary,
    `SELECT pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history', true) AS history`,
  );
  return lastForkIn(history ?? '');
}

/** The position in the last line of a timeline history file. */
export function lastForkIn(history: string): string | null {
  return (
    history
      .split('\n')
      .map((line) => /^\d+\s+([0-9A-F]+\/[0-9A-F]+)\b/.exec(line)?.[1] ?? null)
      .filter((lsn) => lsn !== null)
      .at(-1) ?? null
  );
}

/** What an old primary that does not run has, and the new one will never have. */
export async function wouldBeLost(
  stack: Stack,
  old: StackNode,
  primary: NodeAddress,
  signal: AbortSignal,
): Promise<WalBeyond> {
  const fork = await forkOf(primary);
  if (fork === null) return { records: 0, commits: 0, known: true };
  return walBeyond(stack, old, fork, signal);
}

export interface RejoinOptions {
  readonly primary: NodeAddress;
  /** `quick` = not when it takes a base backup. */
  readonly how: 'quick' | 'any';
  readonly signal: AbortSignal;
}

/**
 * Rejoins a node that does not answer, and waits until it streams. Throws away what it has beyond the new
 * primary's beginning: the caller has asked `wouldBeLost` before. Can be run again.
 * @returns how, or null when that was not to be done
 */
export async function rejoin(
  stack: Stack,
  node: StackNode,
  { primary, how, signal }: RejoinOptions,
): Promise<RejoinMethod | null> {
  const method = await windBack(stack, node, primary, signal);
  if (method === 'base backup') {
    if (how === 'quick') return null;
    await rebuildReplica(stack, node, signal, { discardPrimaryData: true });
  } else if (node.containerId !== null) await docker(['start', node.containerId], { signal });
  await waitUntilStreams(primary, node.name, signal);
  return method;
}

async function windBack(
  stack: Stack,
  node: StackNode,
  primary: NodeAddress,
  signal: AbortSignal,
): Promise<RejoinMethod> {
  if (node.containerId === null || stack.credentials === null) return 'base backup';
  // It may be restarting over and over, refused by its own start script.
  if (node.state !== 'exited' && node.state !== 'created')
    await docker(['stop', '-t', '60', node.containerId], { signal });
  // The control file of a server that was just promoted names the old timeline until a checkpoint.
  await ask(primary, 'CHECKPOINT');
  const input = `${stack.credentials.password}\n`;
  const { stdout } = await withVolumesOf(stack, node, script, {
    args: [serviceOf(primary.name)],
    input,
    signal,
  });
  const said = stdout.trim();
  if (said === 'standby') return 'is a standby already';
  if (said === 'nothing') return 'nothing to wind back';
  return said === 'rewound' ? 'pg_rewind' : 'base backup';
}
