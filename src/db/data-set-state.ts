/** What a database holds of the data set. */
import type { ClientBase } from 'pg';
import { lastConstraint, tableNames } from './schema.ts';

export interface DataSetState {
  /** `unfinished`: a load was cut off. `foreign`: tables of these names that this program did not make. */
  readonly kind: 'none' | 'unfinished' | 'complete' | 'foreign';
  /** One table of the data set's names that is there. */
  readonly table: string | null;
}

export async function readDataSetState(client: ClientBase): Promise<DataSetState> {
  const { rows } = await client.query<{ ours: boolean; linked: boolean; table: string | null }>(
    `SELECT to_regclass('replibench_data_set') IS NOT NULL AS ours,
      EXISTS (SELECT FROM pg_constraint WHERE conname = $2 AND conrelid = to_regclass('interactions')) AS linked,
      (SELECT min(name) FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL) AS "table"`,
    [tableNames, lastConstraint],
  );
  const { ours, linked, table } = rows[0] ?? { ours: false, linked: false, table: null };
  if (ours) return { kind: linked ? 'complete' : 'unfinished', table };
  return { kind: table === null ? 'none' : 'foreign', table };
}
