import {
  ConnectionAcquireTimeoutError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionTimedOutError,
  DatabaseError,
  HostNotFoundError,
  HostNotReachableError,
  InvalidConnectionError,
  UniqueConstraintError,
} from 'sequelize';
import { describe, expect, test } from 'vitest';
import { type Failure, failureOf } from '../../../src/db/routing/failure.ts';
import { NodeAwayError } from '../../../src/db/routing/node.ts';

const error = (message: string, code?: string): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

/** As Sequelize passes on what a server says to a statement. */
const said = (code: string, message: string): DatabaseError =>
  new DatabaseError(Object.assign(new Error(message), { code, sql: 'SELECT' }));

describe('of a statement that has a connection', () => {
  test.each<readonly [error: unknown, failure: Failure]>([
    [said('25006', 'cannot execute UPDATE in a read-only transaction'), 'read-only'],
    [said('0A000', 'cannot access temporary or unlogged relations during recovery'), 'read-only'],
    [said('55000', 'recovery is in progress'), 'read-only'],
    [said('0A000', 'cannot insert multiple commands into a prepared statement'), 'statement'],
    [said('55000', 'currval of sequence "ids" is not yet defined in this session'), 'statement'],
    [said('40001', 'canceling statement due to conflict with recovery'), 'conflict'],
    [said('40P01', 'deadlock detected'), 'conflict'],
    [said('57P01', 'terminating connection due to administrator command'), 'lost'],
    [said('57P02', 'terminating connection because of crash of another server process'), 'lost'],
    [said('57P03', 'the database system is shutting down'), 'lost'],
    [said('08006', 'connection failure'), 'lost'],
    [said('57014', 'canceling statement due to statement timeout'), 'statement'],
    [said('57P04', 'terminating connection due to database being dropped'), 'statement'],
    [said('42P01', 'relation "recovery" does not exist'), 'statement'],
    [said('53300', 'sorry, too many clients already'), 'statement'],
    [said('22P02', 'invalid input syntax for type integer: "read ECONNRESET"'), 'statement'],
    [said('P0001', 'Query read timeout, says a function'), 'statement'],
    [error('Connection terminated unexpectedly'), 'lost'],
    [error('Connection terminated'), 'lost'],
    [error('read ECONNRESET', 'ECONNRESET'), 'lost'],
    [error('write EPIPE', 'EPIPE'), 'lost'],
    [new DatabaseError(Object.assign(error('write EPIPE', 'EPIPE'), { sql: 'SELECT' })), 'lost'],
    [error('read ETIMEDOUT', 'ETIMEDOUT'), 'lost'],
    [error('read EHOSTUNREACH', 'EHOSTUNREACH'), 'lost'],
    [error('read ENETUNREACH', 'ENETUNREACH'), 'lost'],
    [error('Client has encountered a connection error and is not queryable'), 'lost'],
    [error('Client was closed and is not queryable'), 'lost'],
    [new DatabaseError(Object.assign(error('Connection terminated'), { sql: 'SELECT' })), 'lost'],
    [error('Query read timeout'), 'no-answer'],
    [new DatabaseError(Object.assign(error('Query read timeout'), { sql: 'SELECT' })), 'no-answer'],
    [new UniqueConstraintError({ message: 'name must be unique' }), 'statement'],
    [error('a hook'), 'statement'],
    ['not even an error', 'statement'],
  ])('%o: %s', (what, failure) => {
    expect(failureOf(what, true)).toBe(failure);
  });
});

describe('of a statement that has no connection yet', () => {
  test.each<readonly [error: unknown, failure: Failure]>([
    [new ConnectionAcquireTimeoutError(error('Operation timeout')), 'pool-exhausted'],
    [new NodeAwayError('replica1 does not answer'), 'not-sent'],
    [new ConnectionRefusedError(error('connect ECONNREFUSED', 'ECONNREFUSED')), 'not-sent'],
    [new HostNotFoundError(error('getaddrinfo ENOTFOUND', 'ENOTFOUND')), 'not-sent'],
    [new HostNotReachableError(error('connect EHOSTUNREACH', 'EHOSTUNREACH')), 'not-sent'],
    [new InvalidConnectionError(error('connect EINVAL', 'EINVAL')), 'not-sent'],
    [new ConnectionTimedOutError(error('Connection timed out')), 'not-sent'],
    [new ConnectionError(error('connect ETIMEDOUT', 'ETIMEDOUT')), 'not-sent'],
    [new ConnectionError(error('timeout expired')), 'not-sent'],
    [new ConnectionError(error('the database system is starting up', '57P03')), 'not-sent'],
    [new ConnectionError(error('sorry, too many clients already', '53300')), 'not-sent'],
    [new ConnectionError(error('password authentication failed', '28P01')), 'statement'],
    [new ConnectionError(error('no pg_hba.conf entry', '28000')), 'statement'],
    [new ConnectionError(error('database "none" does not exist', '3D000')), 'statement'],
    // Between the handshake and the first statement of Sequelize's own.
    [error('Connection terminated unexpectedly'), 'not-sent'],
    [error('read ECONNRESET', 'ECONNRESET'), 'not-sent'],
    [error('read ETIMEDOUT', 'ETIMEDOUT'), 'not-sent'],
    [error('read EHOSTUNREACH', 'EHOSTUNREACH'), 'not-sent'],
    [error('terminating connection due to administrator command', '57P01'), 'not-sent'],
    [error('connection failure', '08006'), 'not-sent'],
    [error('Query read timeout'), 'not-sent'],
    [error('a hook'), 'statement'],
    ['not even an error', 'statement'],
  ])('%o: %s', (what, failure) => {
    expect(failureOf(what, false)).toBe(failure);
  });
});
