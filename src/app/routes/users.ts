import { json, type Router } from 'express';
import { z } from 'zod';
import type { ReadCache } from '../../cache/read-cache.ts';
import type { Database } from '../../db/connection.ts';
import type { ReadLatestInteractions } from '../../db/latest-interactions.ts';
import { userStatuses } from '../../db/schema.ts';
import { setUserStatus } from '../../db/user-status.ts';
import { answer, answerCached } from '../answer.ts';
import { cacheKeys } from '../cache-keys.ts';
import { defaultLimit, limit, pathId } from '../input.ts';
import { Problem } from '../problem.ts';

const listQuery = z.object({ limit });
const statusBody = z.object({
  status: z.enum(userStatuses, `must be one of ${userStatuses.join(', ')}`),
});

/** Agents: one by id, the latest interactions of one, and a change of status. */
export function addUserRoutes(
  router: Router,
  database: Database,
  cache: ReadCache | null,
  readLatestInteractions: ReadLatestInteractions,
): void {
  const { User } = database.models;

  router.get(
    '/users/:id',
    answerCached(cache, (request) => {
      const { id } = pathId.parse(request.params);
      return {
        key: cacheKeys.user(id),
        load: async () => (await User.findByPk(id, { raw: true })) ?? noSuchUser(id),
      };
    }),
  );

  const latestInteractions = async (userId: number, limit: number): Promise<unknown> => {
    const interactions = await readLatestInteractions(database, userId, limit);
    // Only an empty list needs the second question: has this agent none, or is there no such agent?
    if (
      interactions.length === 0 &&
      (await User.findByPk(userId, { attributes: ['id'], raw: true })) === null
    ) {
      noSuchUser(userId);
    }
    return interactions;
  };

  router.get(
    '/users/:id/interactions',
    answerCached(cache, (request) => {
      const { id } = pathId.parse(request.params);
      const { limit } = listQuery.parse(request.query);
      return {
        key: limit === defaultLimit ? cacheKeys.userInteractions(id) : null,
        load: () => latestInteractions(id, limit),
      };
    }),
  );

  router.patch(
    '/users/:id/status',
    json({ limit: '1kb' }),
    answer(200, async (request) => {
      const { id } = pathId.parse(request.params);
      const { status } = statusBody.parse(request.body);
      const { teamId, version } = (await setUserStatus(database, id, status)) ?? noSuchUser(id);
      await cache?.forget(cacheKeys.user(id), cacheKeys.teamDashboard(teamId));
      return { id, status, version };
    }),
  );
}

function noSuchUser(id: number): never {
  throw new Problem(404, `there is no user ${id}`, 'id');
}
