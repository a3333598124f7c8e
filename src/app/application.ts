/** The Express application over an open database. */
import express, { type Express, Router } from 'express';
import type { ReadCache } from '../cache/read-cache.ts';
import type { Database } from '../db/connection.ts';
import { type Replaceable, replaceableParts } from './injection/inject.ts';
import type { Metrics } from './metrics.ts';
import { answerProblem, answerUnknownRoute } from './problem.ts';
import { addContactRoutes } from './routes/contacts.ts';
import { addInteractionRoutes } from './routes/interactions.ts';
import { addOperationRoutes } from './routes/operations.ts';
import { addTeamRoutes } from './routes/teams.ts';
import { addUserRoutes } from './routes/users.ts';
import { followSessions, type SharedSessions } from './sessions.ts';

/**
 * `cache` null: every read asks the database. `report` receives errors that nobody expected, one text each.
 * `parts`: what an injected fault replaces. `sharedSessions`: of a configuration that keeps them in Redis.
 */
export function createApplication(
  database: Database,
  cache: ReadCache | null,
  metrics: Metrics,
  report: (line: string) => void,
  parts: Replaceable = replaceableParts(null),
  sharedSessions: SharedSessions | null = null,
): Express {
  const application = express();
  application.disable('x-powered-by');
  // A hash of every answer, for clients that never ask conditionally.
  application.disable('etag');
  application.set('query parser', 'simple');

  const router = Router();
  addOperationRoutes(router, database.configuration, metrics);
  if (parts.beforeRequests !== null) router.use(parts.beforeRequests);
  const sessions = followSessions(database, sharedSessions);
  if (sessions !== null) router.use(sessions);
  addUserRoutes(router, database, cache, parts.readLatestInteractions);
  addContactRoutes(router, database);
  addInteractionRoutes(router, database, cache);
  addTeamRoutes(router, database, cache);

  metrics.watchPools(database.pools);
  if (database.router !== null) metrics.watchNodes(database.router);
  const { instance, pool } = database.configuration;
  // Behind a balancer: which of several instances answered?
  application.use((_request, response, next) => {
    response.setHeader('x-app-instance', instance);
    next();
  });
  application.use(metrics.timeRequests, router, answerUnknownRoute);
  application.use(answerProblem({ acquireMs: pool.acquireMs, pools: database.pools }, report));
  return application;
}
