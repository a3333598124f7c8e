import { z } from 'zod';
import { describeFault } from '../faults/drill.ts';
import { type Fault, faultKinds, metricIds, type Operation, type Scenario } from '../model.ts';

const keyDistribution = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('uniform'), min: z.int(), max: z.int() }),
  z.strictObject({ kind: z.literal('zipf'), min: z.int(), max: z.int(), exponent: z.number().min(0).max(5) }),
  z.strictObject({ kind: z.literal('choice'), values: z.array(z.union([z.string(), z.number()])).min(1) }),
  z.strictObject({ kind: z.literal('unique'), prefix: z.string() }),
]);

const operation = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case words joined by hyphens'),
  class: z.enum(['read', 'write']),
  weight: z.number().min(0),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: z.string().startsWith('/'),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.json().optional(),
  version: z
    .strictObject({ entity: z.string().min(1), key: z.string(), header: z.string().regex(/^[A-Za-z0-9-]+$/) })
    .optional(),
  steps: z
    .array(
      z.strictObject({
        operation: z.string(),
        afterMs: z.number().min(0).optional(),
        keys: z.record(z.string(), z.string()).optional(),
      }),
    )
    .min(1)
    .optional(),
});

const fault = z.strictObject({
  kind: z.enum(faultKinds),
  node: z
    .string()
    .regex(/^(primary|replicas|replica[1-9]\d*)$/, 'is none of primary, replicas, replica1 ...'),
  link: z.enum(['app', 'wal']).optional(),
  delayMs: z.number().min(0).max(600_000).optional(),
  bytesPerSecond: z.number().positive().optional(),
  from: z.number().min(0).lt(1, 'is not below 1: nothing would be sent after it'),
  to: z.number().min(0).max(1).optional(),
});

const objective = z
  .strictObject({
    metric: z.enum(metricIds),
    arm: z.string().min(1).optional(),
    max: z.number().optional(),
    min: z.number().optional(),
  })
  .refine((o) => o.max !== undefined || o.min !== undefined, { message: 'needs a max or a min' });

const scenario = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case words joined by hyphens'),
    description: z.string().min(1),
    readShare: z.number().min(0).max(1),
    operations: z.array(operation).min(1),
    keys: z.record(z.string(), keyDistribution),
    data: z.record(z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be a camelCase name'), z.number()),
    load: z.strictObject({
      arrivals: z.enum(['poisson', 'uniform']),
      steadyShare: z.number().positive().max(4),
      saturationConnections: z.int().positive().max(1000),
      timeoutMs: z.number().positive(),
      profile: z
        .array(
          z.strictObject({ share: z.number().positive(), from: z.number().min(0), to: z.number().min(0) }),
        )
        .min(1)
        .optional(),
    }),
    sessions: z.strictObject({ carry: z.string().regex(/^[A-Za-z0-9-]+$/) }).optional(),
    faults: z.array(fault).min(1).optional(),
    defaults: z.strictObject({ blocks: z.int().positive(), sliceSeconds: z.number().positive() }),
    objectives: z.array(objective),
  })
  .superRefine((value, context) => {
    checkKeys(value as Scenario, (path, message) => context.addIssue({ code: 'custom', path, message }));
  });

/**
 * Checks a scenario from outside. Returns every fault as one line `field: what is wrong (got value)`,
 * or the scenario itself.
 */
export function parseScenario(input: unknown): { scenario: Scenario } | { faults: readonly string[] } {
  const parsed = scenario.safeParse(input);
  if (parsed.success) return { scenario: parsed.data as Scenario };
  return { faults: describeFaults(parsed.error, input) };
}

/** One line a fault: path, message, and the value found there. */
export function describeFaults(error: z.ZodError, input: unknown): readonly string[] {
  return error.issues.map((issue) => {
    const path = issue.path.map(String);
    const found = path.reduce<unknown>(
      (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
      input,
    );
    const shown =
      typeof found === 'function' ? 'a function' : (JSON.stringify(found)?.slice(0, 80) ?? 'nothing');
    return `${path.join('.') || '(root)'}: ${issue.message} (got ${shown})`;
  });
}

type Complain = (path: (string | number)[], message: string) => void;

function checkKeys(scenario: Scenario, complain: Complain): void {
  const names = new Set<string>();
  scenario.operations.forEach((operation, index) => {
    if (names.has(operation.name)) complain(['operations', index, 'name'], 'is used twice');
    names.add(operation.name);
    for (const key of placeholders(operation.path)) {
      if (!(key in scenario.keys)) complain(['operations', index, 'path'], `{${key}} is not among keys`);
    }
    for (const key of placeholders(JSON.stringify(operation.body ?? null))) {
      if (!(key in scenario.keys)) complain(['operations', index, 'body'], `{${key}} is not among keys`);
    }
  });
  checkSessions(scenario, complain);
  scenario.faults?.forEach((each, index) => {
    const complainOf = (field: string, message: string) => complain(['faults', index, field], message);
    checkFault(each, complainOf);
    const other = scenario.faults?.slice(0, index).find((earlier) => collide(earlier, each));
    if (other !== undefined) {
      const [mine, theirs] = [each, other].map((one) => `${describeFault(one)} on ${one.node}`);
      complainOf('from', `${theirs} and ${mine} overlap: one must be over before the other begins`);
    }
  });
  for (const [name, key] of Object.entries(scenario.keys)) {
    if ('min' in key && key.min > key.max) complain(['keys', name, 'min'], `is above max ${key.max}`);
  }
  const has = (name: 'read' | 'write') => scenario.operations.some((o) => o.class === name && o.weight > 0);
  if (scenario.readShare > 0 && !has('read')) complain(['operations'], 'has no operation of class read');
  if (scenario.readShare < 1 && !has('write')) complain(['operations'], 'has no operation of class write');
  const shares = scenario.load.profile?.reduce((sum, step) => sum + step.share, 0) ?? 1;
  if (Math.abs(shares - 1) > 1e-6) complain(['load', 'profile'], `shares add up to ${shares}, not 1`);
}

function checkSessions({ operations }: Scenario, complain: Complain): void {
  const followers = new Set(operations.flatMap(({ steps = [] }) => steps.map(({ operation }) => operation)));
  operations.forEach((operation, index) => {
    const own = keysOf(operation);
    if (operation.weight === 0 && !followers.has(operation.name)) {
      complain(['operations', index, 'weight'], 'is 0, and no operation is followed by it');
    }
    if (operation.version !== undefined && !own.includes(operation.version.key)) {
      complain(
        ['operations', index, 'version', 'key'],
        `is not among its placeholders, ${own.join(', ') || 'of which it has none'}`,
      );
    }
    operation.steps?.forEach((step, position) => {
      const at = ['operations', index, 'steps', position];
      const following = operations.find(({ name }) => name === step.operation);
      if (following === undefined) complain([...at, 'operation'], 'is not the name of an operation');
      for (const [name, first] of Object.entries(step.keys ?? {})) {
        const theirs = following === undefined ? [name] : keysOf(following);
        if (!theirs.includes(name))
          complain([...at, 'keys'], `${name} is no placeholder of ${step.operation}`);
        if (!own.includes(first)) complain([...at, 'keys', name], `is no placeholder of ${operation.name}`);
      }
    });
  });
}

function checkFault(fault: Fault, complain: (field: string, message: string) => void): void {
  const { kind, link, node, delayMs, bytesPerSecond, from, to } = fault;
  if (kind.startsWith('link-') !== (link !== undefined))
    complain('link', `goes with the link- kinds, and they need it; this is ${kind}`);
  if (kind.endsWith('-delay') !== (delayMs !== undefined))
    complain('delayMs', `goes with the kinds that delay, and they need it; this is ${kind}`);
  if ((kind === 'link-throttle') !== (bytesPerSecond !== undefined))
    complain('bytesPerSecond', `goes with link-throttle, which needs it; this is ${kind}`);
  if (node === 'primary' && (kind.startsWith('replay-') || link === 'wal'))
    complain('node', `is the primary, which replays nothing`);
  if (to !== undefined && to <= from) complain('to', `is not after from, ${from}`);
}

/** Whether two faults break the same thing, a node or a link, without time between them. */
function collide(one: Fault, other: Fault): boolean {
  const sameNode =
    one.node === other.node ||
    ([one.node, other.node].every((node) => node !== 'primary') &&
      [one.node, other.node].includes('replicas'));
  const apart = (one.to ?? 1) < other.from || (other.to ?? 1) < one.from;
  return sameNode && one.link === other.link && !apart;
}

function keysOf({ path, body }: Operation): readonly string[] {
  return [...placeholders(path), ...placeholders(JSON.stringify(body ?? null))];
}

/** Names of `{placeholder}`s; JSON's own braces are followed by a quote and do not match. */
function placeholders(template: string): readonly string[] {
  return [...template.matchAll(/\{([A-Za-z][A-Za-z0-9]*)\}/g)].map((match) => match[1] ?? '');
}
