import { describe, expect, test } from 'vitest';
import { memoryJournal } from '../../bench/experiment/journal.ts';
import { blockOrder } from '../../bench/experiment/order.ts';
import type { ExperimentPorts } from '../../bench/experiment/ports.ts';
import { type RunOptions, run } from '../../bench/experiment/run.ts';
import type { Arm, Fault, JournalEntry, RunPlan } from '../../bench/model.ts';
import readHeavy from '../../scenarios/read-heavy.ts';
import { type InMemoryOptions, inMemoryPorts } from './in-memory-ports.ts';

const arms: readonly Arm[] = [
  { name: 'baseline', topology: 'embedded', replicas: 0, routing: 'primary-only' },
  { name: 'replicated', topology: 'embedded', replicas: 2, routing: 'native' },
];

function plan(blocks = 2): RunPlan {
  return {
    schemaVersion: 1,
    runId: '00000000',
    startedAt: '2026-01-01T00:00:00.000Z',
    command: 'replibench compare',
    seed: 7,
    scenario: readHeavy,
    arms,
    blocks,
    sliceSeconds: 4,
    order: blockOrder(arms, blocks, 7),
    nodeCpus: 0.25,
    limitMethod: 'cgroup-v1',
    interleaved: true,
    application: 'in memory',
    fingerprint: {
      cpuModel: 'none',
      cores: 2,
      memoryBytes: 1,
      kernel: 'none',
      platform: 'none',
      node: 'v24',
      postgres: '17',
      postgresSettings: {},
      gitCommit: null,
      gitDirty: null,
      harnessVersion: '0',
      fsyncMs: null,
    },
  };
}

function setUp(options: InMemoryOptions & { signal?: AbortSignal } = {}) {
  const ports = inMemoryPorts(options);
  const journal = memoryJournal();
  const runOptions: RunOptions = {
    plan: plan(),
    ports,
    journal,
    warmUpSeconds: 1,
    calibrationSeconds: 3,
    emit: () => undefined,
    signal: options.signal ?? new AbortController().signal,
  };
  return { ports, journal, runOptions };
}

const two = { count: 2, seconds: 1 } as const;
const twoParts = { steady: two, 'read-saturation': two } as const;

const slicesOf = (entries: readonly JournalEntry[], type: 'slice-end' | 'slice-failed') =>
  entries.flatMap((entry) => (entry.type === type ? [`${entry.block} ${entry.arm} ${entry.kind}`] : []));

describe('a whole run', () => {
  test('measures every arm once a block, three slices each, after calibrating the baseline', async () => {
    const { ports, journal, runOptions } = setUp();
    expect(await run(runOptions)).toEqual({ outcome: 'completed' });
    expect(slicesOf(journal.entries, 'slice-end').slice(0, 2)).toEqual([
      '0 baseline warm-up',
      '0 baseline calibration',
    ]);
    const measured = slicesOf(journal.entries, 'slice-end').slice(2);
    expect(new Set(measured).size).toBe(measured.length);
    expect(measured).toHaveLength(2 * 2 * 4);
    expect(journal.entries.at(-1)).toMatchObject({ type: 'end', outcome: 'completed' });
    expect(ports.open).toEqual(new Set());
  });

  test('offers the same due times and requests to both arms of a block, other ones in another block', async () => {
    const { ports, runOptions } = setUp();
    await run(runOptions);
    const steady = ports.plans.filter((p) => p.streams.length === 1 && p.streams[0]?.kind === 'open');
    expect(steady).toHaveLength(4);
    const [first, second, third, fourth] = steady.map((p) => p.seed);
    expect(first).toBe(second);
    expect(third).toBe(fourth);
    expect(first).not.toBe(third);
    expect(steady[0]?.streams).toEqual(steady[1]?.streams);
    expect(steady[0]?.sliceIndex).not.toBe(steady[1]?.sliceIndex);
  });

  test.each([
    [700, 1],
    [300, 3],
    [100, 4],
    [0, 1],
  ])('at %d answers a second warms up %d times', async (capacityHz, times) => {
    const { ports, journal, runOptions } = setUp({ capacityHz });
    await run({ ...runOptions, calibration: { capacityHz: 50, steadyRateHz: 35, fromRun: 'abc' } });
    const warmUps = slicesOf(journal.entries, 'slice-end').filter((slice) => slice === '1 baseline warm-up');
    expect(warmUps).toHaveLength(times);
    // `unique` keys of one must not meet those of another.
    expect(new Set(ports.plans.map(({ sliceIndex }) => sliceIndex)).size).toBe(ports.plans.length);
  });

  test('in parts, both arms are up at once and loaded in turn, the order reversed from part to part', async () => {
    const { ports, journal, runOptions } = setUp();
    const base = runOptions.plan;
    const [first = []] = base.order;
    await run({
      ...runOptions,
      plan: { ...base, blocks: 1, order: [first], parts: twoParts, slices: ['steady', 'read-saturation'] },
    });
    const [a, b] = first;
    const measured = journal.entries.flatMap((entry) =>
      entry.type === 'slice-end' && entry.block === 1 && entry.kind !== 'warm-up'
        ? [`${entry.kind} ${entry.part} ${entry.arm}`]
        : [],
    );
    expect(measured).toEqual(
      ['steady', 'read-saturation'].flatMap((kind) => [
        ...[`${kind} 1 ${a}`, `${kind} 1 ${b}`],
        ...[`${kind} 2 ${b}`, `${kind} 2 ${a}`],
      ]),
    );
    // Same requests for both arms in a part, others in the next, and others still while they settle.
    const calm = ports.plans.filter((p) => p.streams[0]?.kind === 'open');
    expect(calm.map(({ seed }) => calm.findIndex((first) => first.seed === seed))).toEqual([
      0, 0, 2, 2, 4, 4,
    ]);
    expect(calm[0]?.readShare).toBe(readHeavy.readShare);
    expect(ports.open).toEqual(new Set());
    const second = ports.log.lastIndexOf(ports.log.findLast((line) => /^app .* up$/.test(line)) ?? '');
    expect(ports.log.slice(0, second).filter((line) => line === 'probes down')).toHaveLength(1);
  });

  test('ends after the block that is enough', async () => {
    const { journal, runOptions } = setUp();
    let asked = 0;
    const end = await run({ ...runOptions, enough: () => ++asked === 1 });
    expect(end).toEqual({ outcome: 'completed' });
    const blocks = slicesOf(journal.entries, 'slice-end').map((slice) => slice.split(' ')[0]);
    expect(new Set(blocks)).toEqual(new Set(['0', '1']));
  });

  test('offers the scenario share of the calibrated capacity', async () => {
    const { journal, runOptions } = setUp({ capacityHz: 100 });
    await run(runOptions);
    expect(journal.entries.find((entry) => entry.type === 'calibration')).toMatchObject({
      capacityHz: 100,
      steadyRateHz: 100 * readHeavy.load.steadyShare,
    });
  });

  test('leaves calibration out when the rate is given', async () => {
    const { journal, runOptions } = setUp();
    await run({ ...runOptions, calibration: { capacityHz: 55, steadyRateHz: 33, fromRun: 'abc' } });
    expect(slicesOf(journal.entries, 'slice-end').some((slice) => slice.includes('calibration'))).toBe(false);
    expect(journal.entries.find((entry) => entry.type === 'calibration')).toMatchObject({ fromRun: 'abc' });
    expect(journal.entries.find((e) => e.type === 'slice-start' && e.kind === 'steady')).toMatchObject({
      offeredRateHz: 33,
    });
  });

  test('starts a fresh cluster and application for every visit and lets replicas catch up before each slice', async () => {
    const { ports, runOptions } = setUp();
    await run(runOptions);
    expect(ports.log.filter((line) => line === 'cluster of 1 down')).toHaveLength(3);
    expect(ports.log.filter((line) => line === 'cluster of 3 down')).toHaveLength(2);
    expect(ports.log.filter((line) => line === 'caught up')).toHaveLength(2 + 4 * 4);
    for (const [index, line] of ports.log.entries()) {
      if (line.startsWith('slice of'))
        expect(ports.log.slice(index - 2, index)).toEqual(['caught up', 'sample']);
    }
  });
});

test('warms up without quotas and holds the nodes to them before anything is measured', async () => {
  const { ports, runOptions } = setUp();
  await run(runOptions);
  const order = ports.log.filter((line) => line === 'limits on' || line.startsWith('slice of'));
  const closed = 'slice of closed read+write';
  expect(order.slice(0, 3)).toEqual([closed, 'limits on', closed]);
  expect(order.slice(3, 6)).toEqual([closed, 'limits on', 'slice of open read+write']);
  expect(order.filter((line) => line === 'limits on')).toHaveLength(5);
});

test('in parts, measures nothing before both clusters have settled, and has quotas at saturation only', async () => {
  const { ports, runOptions } = setUp();
  const base = runOptions.plan;
  await run({
    ...runOptions,
    plan: {
      ...{ ...base, blocks: 1, order: base.order.slice(0, 1) },
      ...{ parts: twoParts, slices: ['steady', 'read-saturation'] as const },
    },
  });
  const order = ports.log.filter((line) => /^(settled|limits on|slice of)/.test(line));
  const [closed, steady, saturated] = ['closed read+write', 'open read+write', 'closed read, open write'].map(
    (streams) => `slice of ${streams}`,
  );
  expect(order).toEqual([
    // Calibration, and both warm-ups.
    ...[closed, 'settled', 'limits on', closed, closed, closed],
    ...Array.from({ length: 6 }, () => ['settled', steady]).flat(),
    ...['settled', 'limits on', saturated, 'settled', 'limits on', saturated],
    ...['settled', saturated, 'settled', saturated],
  ]);
});

test('in parts, a block ends early in which an arm loses its requests, once both arms had the same', async () => {
  // Two of calibration, four of warming up: the seventh is the first part of the first arm.
  const { ports, journal, runOptions } = setUp({ lostShare: (slice) => (slice === 6 ? 0.04 : 0.02) });
  const base = runOptions.plan;
  const slices = ['steady', 'read-saturation'] as const;
  const guards = [{ metric: 'errors.ratio', max: 0.01 }] as const;
  const gate = { metrics: [], guards, looks: [9], alpha: 0.05 };
  const end = await run({ ...runOptions, plan: { ...base, gate, parts: twoParts, slices } });
  expect(end).toEqual({ outcome: 'completed' });
  const [[a, b] = []] = base.order;
  const measured = slicesOf(journal.entries, 'slice-end').filter(
    (slice) => !/calibration|warm-up/.test(slice),
  );
  expect(measured.slice(0, 3)).toEqual([`1 ${a} steady`, `1 ${b} steady`, expect.stringMatching(/^2 /)]);
  expect(measured.filter((slice) => slice.startsWith('2 '))).toHaveLength(8);
  expect(journal.entries.filter(({ type }) => type === 'block-cut')).toMatchObject([
    { block: 1, reason: `${a} lost 4 % of the requests` },
  ]);
  expect(ports.open).toEqual(new Set());
});

test.each([
  { guards: [], said: 'nobody guards errors' },
  { guards: [{ metric: 'errors.ratio', max: 0.1 }] as const, said: 'so many are allowed' },
])('in parts, no block ends early for lost requests where $said', async ({ guards }) => {
  const { journal, runOptions } = setUp({ lostShare: () => 0.2 });
  const gate = { metrics: [], guards, looks: [9], alpha: 0.05 };
  await run({ ...runOptions, plan: { ...runOptions.plan, gate, parts: twoParts } });
  expect(journal.entries.filter(({ type }) => type === 'block-cut')).toEqual([]);
});

describe.each([
  ['node-lost', 'replica1 stopped during the measurement: signal SIGKILL'],
  ['app-lost', 'the application stopped during the measurement: exit code 1'],
  ['generator-lost', 'the load generator stopped: exit code 1'],
] as const)('%s during a slice', (what, reason) => {
  test('ends the run with the reason, stops the traffic, and leaves nothing up', async () => {
    const { ports, journal, runOptions } = setUp({ fault: { atSlice: 4, what } });
    const end = await run(runOptions);
    expect(end.outcome).toBe('failed');
    expect(slicesOf(journal.entries, 'slice-failed')).toHaveLength(1);
    expect(journal.entries.at(-1)).toMatchObject({ type: 'end', outcome: 'failed', reason });
    expect(ports.log).toContain('slice aborted');
    expect(ports.open).toEqual(new Set());
  });
});

test('an interrupt during a slice keeps the finished ones and leaves nothing up', async () => {
  const abort = new AbortController();
  const { ports, journal, runOptions } = setUp({ fault: { atSlice: 5, what: 'hang' }, signal: abort.signal });
  const ending = run(runOptions);
  await ports.faultReached;
  abort.abort(new Error('SIGINT'));
  expect((await ending).outcome).toBe('interrupted');
  expect(slicesOf(journal.entries, 'slice-end')).toHaveLength(5);
  expect(journal.entries.at(-1)).toMatchObject({ type: 'end', outcome: 'interrupted' });
  expect(ports.open).toEqual(new Set());
});

test('an application that answers nothing ends the run during calibration', async () => {
  const { journal, runOptions } = setUp({ capacityHz: 0 });
  expect((await run(runOptions)).outcome).toBe('failed');
  expect(journal.entries.at(-1)).toMatchObject({
    reason: expect.stringContaining('answered no request successfully during calibration'),
  });
});

describe('faults', () => {
  const withFaults = (faults: readonly Fault[], ports: Partial<ExperimentPorts> = {}) => {
    const { journal, runOptions } = setUp();
    const base = runOptions.plan;
    const options: RunOptions = {
      ...runOptions,
      plan: { ...base, blocks: 1, scenario: { ...readHeavy, faults }, slices: ['steady'] },
      ports: { ...runOptions.ports, ...ports },
      calibration: { capacityHz: 50, steadyRateHz: 35, fromRun: 'abc' },
    };
    return { journal, options: { ...options, plan: { ...options.plan, order: base.order.slice(0, 1) } } };
  };
  const ofType = <Type extends JournalEntry['type']>(entries: readonly JournalEntry[], type: Type) =>
    entries.filter((entry): entry is Extract<JournalEntry, { type: Type }> => entry.type === type);

  test('are made in steady slices alone, and told with their number', async () => {
    const { journal, options } = withFaults([
      { kind: 'pause', node: 'replica2', from: 0 },
      { kind: 'pause', node: 'replica1', from: 0 },
    ]);
    expect(await run(options)).toEqual({ outcome: 'completed' });
    expect(ofType(journal.entries, 'fault').map(({ index, node, phase }) => [index, node, phase])).toEqual([
      [0, 'replica2', 'begin'],
      [1, 'replica1', 'begin'],
      [0, 'replica2', 'end'],
      [1, 'replica1', 'end'],
    ]);
    const types = journal.entries.map((entry) =>
      'kind' in entry ? `${entry.type} ${entry.kind}` : entry.type,
    );
    expect(types.indexOf('fault')).toBeGreaterThan(types.indexOf('slice-start steady'));
    expect(types.slice(types.indexOf('fault')).indexOf('slice-end steady')).toBeGreaterThan(0);
  });

  test('that cannot be mended do not lose the slice that they were made in', async () => {
    // Nodes in memory cannot be started again.
    const { journal, options } = withFaults([{ kind: 'kill', node: 'primary', from: 0 }]);
    expect(await run(options)).toMatchObject({ outcome: 'failed' });
    const steady = ofType(journal.entries, 'slice-end').filter(({ kind }) => kind === 'steady');
    expect(steady).toHaveLength(1);
    expect(steady[0]?.load.operations.length).toBeGreaterThan(0);
    expect(ofType(journal.entries, 'slice-failed')).toEqual([]);
    expect(journal.entries.at(-1)).toMatchObject({
      ...{ type: 'end', outcome: 'failed' },
      reason: expect.stringContaining('kill on primary: this topology cannot start a node again'),
    });
  });

  test('of links give a link to every node of every arm, and the log its own', async () => {
    const asked: (readonly string[])[] = [];
    const rerouted: string[] = [];
    const entered: (readonly [string, readonly number[]])[] = [];
    const { options } = withFaults(
      [
        { kind: 'link-delay', node: 'replica1', link: 'app', delayMs: 5, from: 0 },
        { kind: 'link-cut', node: 'replica2', link: 'wal', from: 0 },
      ],
      {
        startLinks: async (targets) => {
          asked.push(Object.entries(targets).map(([name, { port }]) => `${name} to ${port}`));
          const ports = Object.fromEntries(Object.keys(targets).map((name, index) => [name, 9_000 + index]));
          return {
            ...{ pid: 1, lost: new Promise<void>(() => undefined), ports, set: async () => undefined },
            [Symbol.asyncDispose]: async () => undefined,
          };
        },
        streamFrom: async ({ name }, { port }) => void rerouted.push(`${name} from ${port}`),
        application: {
          name: 'in memory',
          start: (arm, nodes, signal) => {
            entered.push([arm.name, nodes.map(({ port }) => port)]);
            return inMemoryPorts().application.start(arm, nodes, signal);
          },
        },
      },
    );
    expect(await run(options)).toEqual({ outcome: 'completed' });
    const inOrder = options.plan.order[0]?.[0] === 'baseline' ? [0, 1] : [1, 0];
    expect(inOrder.map((index) => asked[index])).toEqual([
      ['app:primary to 5432'],
      // What a replica streams comes from the primary.
      [
        ...['app:primary to 5432', 'app:replica1 to 5433', 'app:replica2 to 5434'],
        ...['wal:replica1 to 5432', 'wal:replica2 to 5432'],
      ],
    ]);
    expect(Object.fromEntries(entered)).toEqual({ baseline: [9_000], replicated: [9_000, 9_001, 9_002] });
    expect(rerouted).toEqual(['replica1 from 9003', 'replica2 from 9004']);
  });
});
