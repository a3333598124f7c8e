import type { Operation, Scenario } from '../bench/model.ts';
import { contactCentre, steadyLoad } from './shared/contact-centre.ts';

const again = { operation: 'watch-agent', afterMs: 30 } as const;
const version = { entity: 'user', key: 'watchedId', header: 'etag' } as const;

const operations: readonly Operation[] = [
  {
    name: 'watch-agent',
    class: 'read',
    weight: 1,
    method: 'GET',
    path: '/users/{watchedId}',
    version,
    steps: [again, again, again, again],
  },
  {
    name: 'agent-status',
    class: 'write',
    weight: 1,
    method: 'PATCH',
    path: '/users/{watchedId}/status',
    body: { status: '{status}' },
    version,
  },
];

/** Supervisors who watch a few agents' states change, refreshed again and again: time must not run backwards. */
export default {
  ...contactCentre,
  operations,
  keys: { ...contactCentre.keys, watchedId: { kind: 'zipf', min: 1, max: 20, exponent: 0.8 } },
  name: 'timeline',
  description: 'Supervisors who watch agents whose states change: what monotonic reads are worth.',
  readShare: 0.5,
  load: steadyLoad,
  sessions: { carry: 'x-freshness' },
  defaults: { blocks: 7, sliceSeconds: 5 },
} satisfies Scenario;
