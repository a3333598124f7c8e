import { json, type Router } from 'express';
import { z } from 'zod';
import type { ReadCache } from '../../cache/read-cache.ts';
import type { Database } from '../../db/connection.ts';
import { channels } from '../../db/schema.ts';
import { answer } from '../answer.ts';
import { cacheKeys } from '../cache-keys.ts';
import { bodyId } from '../input.ts';

const durationMessage = 'must be a whole number of seconds from 0 to 86400';

const newInteraction = z.object({
  userId: bodyId,
  contactId: bodyId,
  channel: z.enum(channels, `must be one of ${channels.join(', ')}`),
  durationSeconds: z
    .number(durationMessage)
    .int(durationMessage)
    .min(0, durationMessage)
    .max(86_400, durationMessage),
  notes: z.string('must be a text').max(2_000, 'is too long').default(''),
});

/** A conversation that an agent has had with a contact. */
export function addInteractionRoutes(router: Router, { models }: Database, cache: ReadCache | null): void {
  router.post(
    '/interactions',
    json({ limit: '8kb' }),
    answer(201, async (request) => {
      const interaction = await models.Interaction.create(newInteraction.parse(request.body));
      await cache?.forget(cacheKeys.userInteractions(interaction.userId));
      return interaction;
    }),
  );
}
