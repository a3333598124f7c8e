import { json, type Router } from 'express';
import { z } from 'zod';
import type { ReadCache } from '../../cache/read-cache.ts';
import { assignContact } from '../../db/assignment.ts';
import type { Database } from '../../db/connection.ts';
import { readTeamDashboard } from '../../db/team-dashboard.ts';
import { answer, answerCached } from '../answer.ts';
import { cacheKeys } from '../cache-keys.ts';
import { bodyId, pathId } from '../input.ts';
import { Problem } from '../problem.ts';

const newAssignment = z.object({ contactId: bodyId });

/** A team's dashboard, and the hand-over of a contact to the team. */
export function addTeamRoutes(router: Router, database: Database, cache: ReadCache | null): void {
  router.get(
    '/teams/:id/dashboard',
    answerCached(cache, (request) => {
      const { id } = pathId.parse(request.params);
      return {
        key: cacheKeys.teamDashboard(id),
        load: async () => (await readTeamDashboard(database, id)) ?? noSuchTeam(id),
      };
    }),
  );

  router.post(
    '/teams/:id/assignments',
    json({ limit: '1kb' }),
    answer(201, async (request) => {
      const { id } = pathId.parse(request.params);
      const { contactId } = newAssignment.parse(request.body);
      const assignment = await assignContact(database, id, contactId);
      if (assignment === 'no-team') return noSuchTeam(id);
      if (assignment === 'no-agent') throw new Problem(409, `team ${id} has no available agent now`);
      const { agentId } = assignment;
      await cache?.forget(
        cacheKeys.user(agentId),
        cacheKeys.userInteractions(agentId),
        cacheKeys.teamDashboard(id),
      );
      return assignment;
    }),
  );
}

function noSuchTeam(id: number): never {
  throw new Problem(404, `there is no team ${id}`, 'id');
}
