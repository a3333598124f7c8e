import { EnvironmentError, type NodeAddress } from '../model.ts';
import { withClient } from '../topology/postgres/connect.ts';

/** Longest time for connecting and for each answer: an operator waits in front of a hung node, too. */
const patienceMs = 15_000;

/** SQLSTATE of what the server refused; undefined when it did not even answer. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Why a node did not answer, in a few words and without its password. */
export function reasonOf(error: unknown, address?: NodeAddress): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0], address);
  const text = error instanceof Error ? error.message || error.name : String(error);
  return address === undefined ? text : text.replaceAll(address.password, '***');
}

/** Rows of one statement on a connection of its own. Throws what the server or the network says. */
export async function ask<Row extends object>(
  address: NodeAddress,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  return withClient(address, async (client) => (await client.query<Row>(sql, [...values])).rows, patienceMs);
}

/** The only row of such a statement. */
export async function askOne<Row extends object>(
  address: NodeAddress,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row> {
  const [row] = await ask<Row>(address, sql, values);
  if (row === undefined) throw new EnvironmentError(`${address.name} answered without a row`);
  return row;
}
