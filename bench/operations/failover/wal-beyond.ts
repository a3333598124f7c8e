/** What a node that does not run has in its WAL beyond a position: what is lost when another goes on from there. */
import { EnvironmentError } from '../../model.ts';
import type { Stack, StackNode } from '../../topology/compose/stack.ts';
import { withVolumesOf } from '../actions/one-off.ts';

export interface WalBeyond {
  readonly records: number;
  /** Transactions that were committed or prepared there: acknowledged, unless the machine died in between. */
  readonly commits: number;
  /** False: it could not be read, so nobody knows. */
  readonly known: boolean;
}

/**
 * The WAL of the node's own timeline, from `lsn` on. pg_waldump ends with an error at the end of all WAL,
 * which is where we want to get; that it found nothing at all is told apart from that it could not look.
 */
const script = `
set -u
source /usr/local/lib/replibench/cluster.sh
if ! has_data || [ -e "$unfinished" ]; then echo no data; exit; fi
if is_standby; then echo standby; exit; fi
pg_waldump -p "$PGDATA/pg_wal" -t "$(own_timeline)" -s "$1" 2>&1 |
  awk '/^rmgr:/ { records++ } /^rmgr: Transaction .* desc: (COMMIT|PREPARE)/ { commits++ } !/^rmgr:/ { said = $0 }
    END { print records + 0, commits + 0, said }'
`;

/** What is beyond `lsn` in the WAL of a node that does not run; nothing when its data is a standby's. */
export async function walBeyond(
  stack: Stack,
  node: StackNode,
  lsn: string,
  signal: AbortSignal,
): Promise<WalBeyond> {
  const { stdout } = await withVolumesOf(stack, node, script, { args: [lsn], signal });
  return parseWalBeyond(stdout);
}

/** Reads the script's only line. */
export function parseWalBeyond(output: string): WalBeyond {
  const line = output.trim();
  if (line === 'no data' || line === 'standby') return { records: 0, commits: 0, known: true };
  const match = /^(\d+) (\d+) ?(.*)$/.exec(line);
  if (match === null)
    throw new EnvironmentError(`pg_waldump said something unexpected: ${line.slice(0, 200)}`);
  const records = Number(match[1]);
  // Without a record it must have looked: a missing file behind the last one is the end of WAL, too.
  const looked =
    records > 0 || /could not find a valid record|could not (find|open) file/.test(match[3] ?? '');
  return { records, commits: Number(match[2]), known: looked };
}
