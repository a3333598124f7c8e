/** What a database holds of the data set. */
import type { ClientBase } from 'pg';
import { tableNames } from './schema.ts';

export interface DataSetState {
  /** `unfinished`: a load was cut off. `foreign`: tables of these names that this program did not make. */
  readonly kind: 'none' | 'unfinished' | 'complete' | 'foreign';
  /** One table of the data set's names that is there. */
  readonly table: string | null;
}

/**
 * The load's own mark alone says how far it came: keys and indexes are an operator's to drop, and an
 * `unfinished` data set is replaced.
 */
export async function readDataSetState(client: ClientBase): Promise<DataSetState> {
  const { rows } = await client.query<{ ours: boolean; table: string | null }>(
    `SELECT to_regclass('replibench_data_set') IS NOT NULL AS ours,
      (SELECT min(name) FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL) AS "table"`,
    [tableNames],
  );
  const { ours, table } = rows[0] ?? { ours: false, table: null };
  if (!ours) return { kind: table === null ? 'none' : 'foreign', table };
  const { rows: marks } = await client.query<{ complete: boolean }>(
    'SELECT complete FROM replibench_data_set',
  );
  return { kind: marks[0]?.complete ? 'complete' : 'unfinished', table };
}
