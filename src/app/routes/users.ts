import { json, type Router } from 'express';
import { z } from 'zod';
import type { Database } from '../../db/connection.ts';
import { userStatuses } from '../../db/schema.ts';
import { answer } from '../answer.ts';
import { limit, pathId } from '../input.ts';
import { Problem } from '../problem.ts';

const listQuery = z.object({ limit });
const statusBody = z.object({
  status: z.enum(userStatuses, `must be one of ${userStatuses.join(', ')}`),
});

/** Agents: one by id, the latest interactions of one, and a change of status. */
export function addUserRoutes(router: Router, { models: { User, Interaction } }: Database): void {
  router.get(
    '/users/:id',
    answer(200, async (request) => {
      const { id } = pathId.parse(request.params);
      return (await User.findByPk(id, { raw: true })) ?? noSuchUser(id);
    }),
  );

  router.get(
    '/users/:id/interactions',
    answer(200, async (request) => {
      const { id } = pathId.parse(request.params);
      const { limit } = listQuery.parse(request.query);
      const interactions = await Interaction.findAll({
        where: { userId: id },
        order: [['id', 'DESC']],
        limit,
        raw: true,
      });
      // Only an empty list needs the second question: has this agent none, or is there no such agent?
      if (
        interactions.length === 0 &&
        (await User.findByPk(id, { attributes: ['id'], raw: true })) === null
      ) {
        noSuchUser(id);
      }
      return interactions;
    }),
  );

  router.patch(
    '/users/:id/status',
    json({ limit: '1kb' }),
    answer(200, async (request) => {
      const { id } = pathId.parse(request.params);
      const { status } = statusBody.parse(request.body);
      const [changed] = await User.update({ status }, { where: { id } });
      return changed === 0 ? noSuchUser(id) : { id, status };
    }),
  );
}

function noSuchUser(id: number): never {
  throw new Problem(404, `there is no user ${id}`, 'id');
}
