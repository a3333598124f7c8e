/**
 * Which failures are worth another connection attempt: only those met while connecting, when no statement
 * has left yet, so that a write can be tried again as safely as a read. With `native` routing the next
 * attempt dials the next read host. An exhausted pool and a failed login are not retried.
 */
import {
  ConnectionError,
  ConnectionRefusedError,
  ConnectionTimedOutError,
  DatabaseError,
  HostNotFoundError,
  HostNotReachableError,
  type RetryOptions,
} from 'sequelize';

/** Attempts in all, including the first. */
const attempts = 5;

export function connectRetry(): RetryOptions {
  return {
    max: attempts,
    // Sequelize's default of 100 ms before the next host would be seen in every latency percentile.
    backoffBase: 5,
    backoffExponent: 2,
    match: [failedToConnect],
  };
}

/**
 * True for a refused, unreachable, slow or dropped connect, and for a server that is starting or stopping.
 * An arrow function: the retry library takes a function for a class unless `instanceof` rejects it.
 */
const failedToConnect = (error: Error): boolean => {
  if (error instanceof ConnectionRefusedError || error instanceof ConnectionTimedOutError) return true;
  if (error instanceof HostNotFoundError || error instanceof HostNotReachableError) return true;
  if (error instanceof ConnectionError) {
    return /timeout expired|Connection terminated|ECONNRESET|the database system is/.test(error.message);
  }
  // A drop after the handshake reaches us as pg's bare error; the same words about a statement that was
  // already sent come wrapped in a DatabaseError, and must not match.
  return !(error instanceof DatabaseError) && /^Connection terminated/.test(error.message);
};
