/** What an error of a query says about the node, and whether the query may be asked again. */
import { ConnectionAcquireTimeoutError, ConnectionError, DatabaseError } from 'sequelize';
import { NodeAwayError } from './node.ts';

export type Failure =
  /** No connection could be made: the statement never left. */
  | 'not-sent'
  /** Every connection of the pool was taken for too long; the node may be well. */
  | 'pool-exhausted'
  /** The connection broke, or the server was shut down, while the statement ran: it may have been done. */
  | 'lost'
  /** The server gave no answer within the query's time. */
  | 'no-answer'
  /** A standby ended it because replay needed its rows gone (a recovery conflict). */
  | 'conflict'
  /** A server that only reads refused a write: nothing was done. */
  | 'read-only'
  /** The statement's own fault, and every server's answer. */
  | 'statement';

/** `ran`: whether the statement had a connection already. */
export function failureOf(error: unknown, ran: boolean): Failure {
  if (!ran) {
    if (error instanceof ConnectionAcquireTimeoutError) return 'pool-exhausted';
    return failedToConnect(error) ? 'not-sent' : 'statement';
  }
  if (!(error instanceof Error)) return 'statement';
  const code = sqlState(error);
  if (code === '25006') return 'read-only';
  // Unlogged tables, and functions about the log of a primary, are not to be had from a standby either.
  if ((code === '0A000' || code === '55000') && /recovery/.test(error.message)) return 'read-only';
  // A standby gives no other reason for these, and a primary's write is never asked again for them.
  if (code === '40001' || code === '40P01') return 'conflict';
  if (endedByServer.test(code)) return 'lost';
  // Whatever else a server says is about the statement, and may quote it.
  if (sqlStateForm.test(code)) return 'statement';
  if (/Query read timeout/.test(error.message)) return 'no-answer';
  return brokenConnection.test(error.message) ? 'lost' : 'statement';
}

/** 57P01 admin shutdown, 57P02 crash of another backend, 57P03 cannot connect now, 08 connection. */
const endedByServer = /^(57P0[123]|08)/;

/** Not EPIPE. */
const sqlStateForm = /^(?=.*\d)[\dA-Z]{5}$/;

/** pg gives these no code. */
const brokenConnection =
  /Connection terminated|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|connection error and is not queryable|Client was closed/;

/** A login that is refused (28P01) or a database that does not exist (3D000) is the configuration's fault. */
function failedToConnect(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof NodeAwayError) return true;
  if (error instanceof ConnectionError) return !/^(28|3D)/.test(sqlState(error));
  // A drop between handshake and first statement reaches us as pg's bare error.
  if (/Query read timeout/.test(error.message)) return true;
  return brokenConnection.test(error.message) || /^57P0|^08/.test(sqlState(error));
}

function sqlState(error: Error): string {
  if (error instanceof DatabaseError || error instanceof ConnectionError) {
    const { parent } = error;
    return 'code' in parent && typeof parent.code === 'string' ? parent.code : '';
  }
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
