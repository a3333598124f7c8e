import type { Operation, Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

/** Three looks at what was just saved: at once, after the page has drawn, and after a moment. */
const lookBack = [
  { operation: 'own-status', keys: { userId: 'hotUserId' } },
  { operation: 'own-status', afterMs: 50, keys: { userId: 'hotUserId' } },
  { operation: 'own-status', afterMs: 200, keys: { userId: 'hotUserId' } },
] as const;

const operations: readonly Operation[] = [
  ...contactCentre.operations
    .filter(({ name }) => name === 'agent-by-id' || name === 'agent-status')
    .map((operation) => (operation.name === 'agent-status' ? { ...operation, steps: lookBack } : operation)),
  {
    name: 'own-status',
    class: 'read',
    weight: 0,
    method: 'GET',
    path: '/users/{userId}',
    version: { entity: 'user', key: 'userId', header: 'etag' },
  },
];

/** Agents who change their status and look whether it has changed: the seed's “reads may be stale”, asked on purpose. */
export default {
  ...contactCentre,
  operations,
  name: 'read-your-writes',
  description: 'Agents who save and look back at once: what read-your-writes is worth, and what it costs.',
  readShare: 0.4,
  // Leaves the primary room for the reads that it has to take over while replicas lack what was just saved.
  load: { ...steadyLoad, steadyShare: 0.2 },
  sessions: { carry: 'x-freshness' },
  defaults: { blocks: 7, sliceSeconds: 5 },
} satisfies Scenario;
