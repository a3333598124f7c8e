/** Tells a database that cannot answer now from a statement that is wrong. */
import { ConnectionAcquireTimeoutError, ConnectionError, DatabaseError } from 'sequelize';
import { NodeAwayError } from './routing/index.ts';

/** `no-connection`: the pool gave none in time. `no-answer`: the server is away or gave the query up. */
export type Unavailability = 'no-connection' | 'no-answer';

/** Null when the error is about the statement or the program. */
export function classifyUnavailability(error: unknown): Unavailability | null {
  if (error instanceof ConnectionAcquireTimeoutError) return 'no-connection';
  if (error instanceof ConnectionError || error instanceof NodeAwayError) return 'no-answer';
  if (!(error instanceof Error)) return null;
  if (lostConnection.test(error.message)) return 'no-answer';
  return error instanceof DatabaseError && retryableState.test(sqlState(error)) ? 'no-answer' : null;
}

/** The same for an error of pg itself, as programs meet it that do without Sequelize. */
export function isServerAway(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return lostConnection.test(error.message) || retryableState.test(code) || systemErrors.test(code);
}

/** Codes of Node's network. */
const systemErrors = /^(ECONN|EHOST|ENET|EPIPE|ETIMEDOUT|EAI_|ENOTFOUND)/;

/** Messages of pg, which gives these errors no code. */
const lostConnection = /Connection terminated|timeout expired|Query read timeout|ECONNRESET|EPIPE/;

/** 08 connection, 40 rolled back (a standby's recovery conflict), 53 out of resources, 57 shutting down; 25006 a standby
 * was asked to write. */
const retryableState = /^(08|25006|40|53|57)/;

function sqlState(error: DatabaseError): string {
  return 'code' in error.parent && typeof error.parent.code === 'string' ? error.parent.code : '';
}
