import type { KeyDistribution, Operation, Scenario } from '../../bench/model.ts';

/** Size of the data set; ids are dense, so the keys below can be drawn without asking the database. */
const data = { seed: 42, users: 50_000, teams: 50, contacts: 50_000, interactions: 200_000 } as const;

/**
 * What agents and supervisors of a contact centre do all day. Weights are relative within a class;
 * a scenario only says how many of the requests are reads.
 */
const operations: readonly Operation[] = [
  {
    name: 'agent-by-id',
    class: 'read',
    weight: 40,
    method: 'GET',
    path: '/users/{userId}',
    version: { entity: 'user', key: 'userId', header: 'etag' },
  },
  {
    name: 'agent-interactions',
    class: 'read',
    weight: 30,
    method: 'GET',
    path: '/users/{userId}/interactions?limit=20',
  },
  { name: 'contact-search', class: 'read', weight: 20, method: 'GET', path: '/contacts?q={name}&limit=20' },
  { name: 'team-dashboard', class: 'read', weight: 10, method: 'GET', path: '/teams/{teamId}/dashboard' },
  {
    name: 'log-interaction',
    class: 'write',
    weight: 50,
    method: 'POST',
    path: '/interactions',
    body: {
      userId: '{userId}',
      contactId: '{contactId}',
      channel: '{channel}',
      durationSeconds: '{duration}',
      notes: 'Asked about the invoice; sent it again by mail.',
    },
  },
  {
    name: 'new-contact',
    class: 'write',
    weight: 15,
    method: 'POST',
    path: '/contacts',
    body: { name: 'New contact {serial}', email: '{serial}@example.test', phone: '+34 600 000 000' },
  },
  {
    name: 'agent-status',
    class: 'write',
    weight: 25,
    method: 'PATCH',
    path: '/users/{hotUserId}/status',
    body: { status: '{status}' },
    version: { entity: 'user', key: 'hotUserId', header: 'etag' },
  },
  {
    name: 'assign-contact',
    class: 'write',
    weight: 10,
    method: 'POST',
    path: '/teams/{teamId}/assignments',
    body: { contactId: '{contactId}' },
  },
];

const keys: Readonly<Record<string, KeyDistribution>> = {
  userId: { kind: 'zipf', min: 1, max: data.users, exponent: 0.8 },
  hotUserId: { kind: 'zipf', min: 1, max: 500, exponent: 0.99 },
  teamId: { kind: 'uniform', min: 1, max: data.teams },
  contactId: { kind: 'uniform', min: 1, max: data.contacts },
  name: { kind: 'choice', values: ['carmen', 'diego', 'elena', 'hugo', 'laura', 'marta', 'pablo', 'sofia'] },
  channel: { kind: 'choice', values: ['phone', 'phone', 'email', 'chat'] },
  status: { kind: 'choice', values: ['AVAILABLE', 'BUSY', 'BREAK', 'OFFLINE'] },
  duration: { kind: 'uniform', min: 15, max: 900 },
  serial: { kind: 'unique', prefix: 'c' },
};

/** The parts every contact-centre scenario has in common; spread it and add what differs. */
export const contactCentre: Pick<Scenario, 'operations' | 'keys' | 'data' | 'objectives'> = {
  operations,
  keys,
  data,
  // A run that loses requests answers no question about speed.
  objectives: [{ metric: 'errors.ratio', max: 0.01 }],
};

export const steadyLoad: Scenario['load'] = {
  arrivals: 'poisson',
  // Puts the primary of the baseline at 65 to 80 % of its CPU; the seed's runs at 70 %.
  steadyShare: 0.7,
  saturationConnections: 32,
  timeoutMs: 5_000,
};
