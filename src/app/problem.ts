/** Turns whatever a request met into one JSON answer: `{ error, field? }` with the right status. */
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { ForeignKeyConstraintError, UniqueConstraintError } from 'sequelize';
import { ZodError } from 'zod';
import type { PoolState } from '../db/pools.ts';
import { NoPrimaryError, ReadRejectedError } from '../db/routing/index.ts';
import { classifyUnavailability } from '../db/unavailable.ts';

/** An answer other than success that the application decided on. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, message: string, field?: string) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/** What the error answers need to know of the database. */
export interface PoolView {
  readonly acquireMs: number;
  pools(): readonly PoolState[];
}

/** Answers 404 for a path that has no route. */
export const answerUnknownRoute: RequestHandler = (request) => {
  throw new Problem(404, `there is no ${request.method} ${request.path}`);
};

/** Express's error handler. Only what nobody expected is reported, in one line each. */
export function answerProblem(view: PoolView, report: (line: string) => void): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const problem = toProblem(error, view);
    if (problem.status === 500) {
      report(`${request.method} ${request.path}: ${String(error)}`);
    }
    if (problem.status === 503) response.setHeader('retry-after', '1');
    response.status(problem.status).json({ error: problem.message, field: problem.field });
  };
}

function toProblem(error: unknown, view: PoolView): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ZodError) return invalidInput(error);
  if (error instanceof UniqueConstraintError) {
    const [field = 'value', value] = Object.entries(error.fields)[0] ?? [];
    return new Problem(409, `${field} ${String(value)} is taken`, field);
  }
  if (error instanceof ForeignKeyConstraintError) {
    const field = referenceFields[error.index ?? ''];
    return new Problem(409, `${field ?? 'a referenced row'} does not exist`, field);
  }
  if (error instanceof ReadRejectedError || error instanceof NoPrimaryError)
    return new Problem(503, error.message);
  const unavailability = classifyUnavailability(error);
  if (unavailability === 'no-connection') {
    const pools = view
      .pools()
      .map(({ pool, inUse, waiting }) => `${pool}: ${inUse} in use, ${waiting} waiting`);
    return new Problem(
      503,
      `no database connection became free within ${view.acquireMs} ms (${pools.join('; ')})`,
    );
  }
  if (unavailability === 'no-answer') {
    return new Problem(503, `the database did not answer: ${error instanceof Error ? error.message : ''}`);
  }
  return rejectedByExpress(error) ?? new Problem(500, 'internal error');
}

/** Constraint names of schema.ts -> names of the request's fields. */
const referenceFields: Readonly<Record<string, string>> = {
  interactions_user_id_fkey: 'userId',
  interactions_contact_id_fkey: 'contactId',
};

function invalidInput(error: ZodError): Problem {
  const [issue] = error.issues;
  const field = issue?.path.join('.') || 'body';
  return new Problem(400, `${field}: ${issue?.message ?? 'is not valid'}`, field);
}

/** Errors of the body parser and of the router carry the status they want: 400, 413, 415 ... */
function rejectedByExpress(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return null;
  if (error.status < 400 || error.status >= 500) return null;
  // Only the body parser's errors have a type.
  return new Problem(error.status, error.message, 'type' in error ? 'body' : undefined);
}
