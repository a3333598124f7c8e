import { describe, expect, test } from 'vitest';
import { type FaultEntry, faultWindows } from '../../bench/analysis/fault-windows.ts';
import { type FaultWindow, type Outcome, outcomeNames, type Trace } from '../../bench/model.ts';

const startedAtMs = 1_000;
const durationMs = 12_000;

const entry = (
  atMs: number,
  phase: 'begin' | 'end',
  part: { readonly index?: number; readonly fault?: string; readonly node?: string } = {},
): FaultEntry => ({
  ...{ type: 'fault', atMs: startedAtMs + atMs, index: 0, fault: 'kill', node: 'replica1', phase },
  ...part,
});

/** A request; without more a read of replica1 that was answered well. */
interface Sent {
  readonly dueMs: number;
  readonly tookMs: number;
  readonly outcome?: Outcome;
  readonly rejected?: true;
  readonly write?: true;
  readonly node?: string;
}

function traceOf(sent: readonly Sent[]): Trace {
  const nodes = [...new Set(sent.map(({ node = 'replica1' }) => node))];
  return {
    nodes,
    dueUs: sent.map(({ dueMs }) => dueMs * 1_000),
    tookUs: sent.map(({ tookMs }) => tookMs * 1_000),
    write: sent.map(({ write }) => (write ? 1 : 0)),
    outcome: sent.map(({ outcome = 'ok' }) => outcomeNames.indexOf(outcome)),
    rejected: sent.map(({ rejected }) => (rejected ? 1 : 0)),
    node: sent.map(({ node = 'replica1' }) => nodes.indexOf(node)),
  };
}

/** One request each 100 ms, from and without `toMs`. */
function every100(fromMs: number, toMs: number, part: Omit<Sent, 'dueMs'>): readonly Sent[] {
  return Array.from({ length: Math.ceil((toMs - fromMs) / 100) }, (_, index) => ({
    ...{ ...part, dueMs: fromMs + index * 100 },
  }));
}

function windowsOf(entries: readonly FaultEntry[], sent: readonly Sent[]): readonly FaultWindow[] {
  return faultWindows(entries, { startedAtMs, durationMs, trace: traceOf(sent) });
}

function only(entries: readonly FaultEntry[], sent: readonly Sent[]): FaultWindow {
  const [window, ...more] = windowsOf(entries, sent);
  if (window === undefined || more.length > 0) throw new Error('expected one window');
  return window;
}

const killed = [entry(3_000, 'begin'), entry(8_000, 'end')];
const nothing = { requests: 0, failed: 0, rejected: 0, p95Ms: null };

describe('a fault in the middle', () => {
  test('has a before, its first two seconds, the rest of it, and an after', () => {
    const sent = [
      ...every100(0, 3_000, { tookMs: 10 }),
      ...every100(3_000, 5_000, { tookMs: 300 }),
      ...every100(5_000, 8_000, { tookMs: 11 }),
      ...every100(8_000, 12_000, { tookMs: 9 }),
      ...every100(0, 3_000, { tookMs: 20, write: true }),
    ];
    expect(only(killed, sent)).toEqual({
      ...{ fault: 'kill', nodes: ['replica1'], fromMs: 3_000, toMs: 8_000 },
      read: {
        before: { requests: 30, failed: 0, rejected: 0, p95Ms: 10 },
        first: { requests: 20, failed: 0, rejected: 0, p95Ms: 300 },
        during: { requests: 30, failed: 0, rejected: 0, p95Ms: 11 },
        after: { requests: 40, failed: 0, rejected: 0, p95Ms: 9 },
        // One of thirty-one may still be slow.
        settledMs: 1_850,
      },
      write: {
        before: { requests: 30, failed: 0, rejected: 0, p95Ms: 20 },
        ...{ first: nothing, during: nothing, after: nothing, settledMs: null },
      },
      readsAgainMs: 9,
    });
  });

  test('counts a request where it was due, however long it took', () => {
    const { read } = only(killed, [
      { dueMs: 2_999, tookMs: 6_000 },
      { dueMs: 8_000, tookMs: 1 },
    ]);
    expect(read.before).toMatchObject({ requests: 1, p95Ms: 6_000 });
    expect(read).toMatchObject({ first: nothing, during: nothing });
    expect(read.after.requests).toBe(1);
  });

  test('that is shorter than two seconds has nothing beyond its first ones', () => {
    const short = [entry(3_000, 'begin'), entry(4_000, 'end')];
    const { read } = only(short, every100(0, 12_000, { tookMs: 10 }));
    expect(read.first.requests).toBe(10);
    expect(read.during).toEqual(nothing);
    expect(read.after.requests).toBe(80);
  });
});

describe('what failed', () => {
  const before = every100(0, 3_000, { tookMs: 10 });
  const failing = (count: number, outcome: Outcome): readonly Sent[] => [
    ...before,
    ...every100(5_000, 8_000, { tookMs: 10 }).map((one, index) =>
      index < count ? { ...one, tookMs: 1, outcome } : one,
    ),
  ];

  test.each(['http-error', 'timeout', 'connection-error', 'unsent', 'in-flight-at-end'] as const)(
    '%s is never answered: quick failures do not flatter the P95',
    (outcome) => {
      // The P95 of thirty is the second largest.
      const one = only(killed, failing(1, outcome)).read.during;
      expect(one).toEqual({ requests: 30, failed: 1, rejected: 0, p95Ms: 10 });
      const two = only(killed, failing(2, outcome)).read.during;
      expect(two).toEqual({ requests: 30, failed: 2, rejected: 0, p95Ms: null });
    },
  );

  test('does not settle while it fails', () => {
    const { read } = only(killed, [...before, ...every100(3_000, 8_000, { tookMs: 1, outcome: 'timeout' })]);
    expect(read.settledMs).toBeNull();
  });

  test('before, too, leaves nothing to compare with', () => {
    const { read } = only(killed, every100(0, 12_000, { tookMs: 1, outcome: 'timeout' }));
    expect(read.before.p95Ms).toBeNull();
    expect(read.settledMs).toBeNull();
  });

  test('with a request to come again is counted apart, and is in no P95', () => {
    const asked = every100(5_000, 8_000, { tookMs: 1, outcome: 'http-error', rejected: true });
    const slow = every100(5_000, 8_000, { tookMs: 12 });
    const { read } = only(killed, [...before, ...asked, ...slow]);
    expect(read.during).toEqual({ requests: 60, failed: 0, rejected: 30, p95Ms: 12 });
    // With nothing else there is no P95, and nothing has settled.
    const refused = only(killed, [...before, ...every100(3_000, 8_000, { tookMs: 1, rejected: true })]).read;
    expect(refused).toMatchObject({ first: { p95Ms: null, rejected: 20 }, settledMs: null });
  });
});

describe('settled', () => {
  const before = every100(0, 3_000, { tookMs: 10 });
  const settledOf = (...during: readonly Sent[]): number | null =>
    only(killed, [...before, ...during]).read.settledMs;

  test('at once, when nobody noticed', () => {
    // 1.2 times is still as before.
    expect(settledOf(...every100(3_000, 8_000, { tookMs: 12 }))).toBe(0);
    expect(settledOf(...every100(3_000, 8_000, { tookMs: 12.1 }))).toBeNull();
  });

  test('from when on all that follows is as before, not at the first good moment', () => {
    const calm = every100(3_000, 4_000, { tookMs: 10 });
    const bad = every100(4_000, 6_000, { tookMs: 90 });
    const good = every100(6_000, 8_000, { tookMs: 10 });
    expect(settledOf(...calm, ...bad, ...good)).toBe(2_850);
  });

  test('not by its last second alone', () => {
    const late = [...every100(3_000, 7_500, { tookMs: 90 }), ...every100(7_500, 8_000, { tookMs: 10 })];
    expect(settledOf(...late)).toBeNull();
  });

  test('is asked of the time until it was mended, whatever came afterwards', () => {
    const good = every100(3_000, 8_000, { tookMs: 10 });
    expect(settledOf(...good, ...every100(8_000, 12_000, { tookMs: 500 }))).toBe(0);
  });
});

describe('reads again', () => {
  const both = [
    entry(3_000, 'begin'),
    entry(3_010, 'begin', { node: 'replica2' }),
    entry(8_000, 'end'),
    entry(8_400, 'end', { node: 'replica2' }),
  ];

  test('is when every node had answered a read, of one fault of several', () => {
    const sent: readonly Sent[] = [
      // Still from before it was mended.
      { dueMs: 2_900, tookMs: 10, node: 'replica2' },
      { dueMs: 8_300, tookMs: 200, node: 'replica1' },
      { dueMs: 8_900, tookMs: 5, node: 'replica1' },
      // Writes, failures and other nodes say nothing.
      { dueMs: 8_500, tookMs: 1, node: 'replica2', write: true },
      { dueMs: 8_600, tookMs: 1, node: 'replica2', outcome: 'http-error' },
      { dueMs: 8_600, tookMs: 1, node: 'primary' },
      { dueMs: 9_800, tookMs: 100, node: 'replica2' },
    ];
    expect(only(both, sent)).toMatchObject({
      ...{ nodes: ['replica1', 'replica2'], fromMs: 3_000, toMs: 8_400, readsAgainMs: 1_500 },
    });
  });

  test('is unknown where one of them never did', () => {
    expect(only(both, [{ dueMs: 9_000, tookMs: 1, node: 'replica1' }]).readsAgainMs).toBeNull();
  });
});

describe('the edges of a slice', () => {
  const all = every100(0, 12_000, { tookMs: 10 });

  test('a fault from before the start has no before, and nothing to settle to', () => {
    const { fromMs, toMs, read } = only([entry(-100, 'begin'), entry(5_000, 'end')], all);
    expect({ fromMs, toMs }).toEqual({ fromMs: 0, toMs: 5_000 });
    expect(read).toMatchObject({ before: nothing, first: { requests: 20 }, during: { requests: 30 } });
    expect(read.after.requests).toBe(70);
    expect(read.settledMs).toBeNull();
  });

  test.each([
    ['is mended behind it', [entry(3_000, 'begin'), entry(12_500, 'end')]],
    ['is never mended', [entry(3_000, 'begin')]],
    [
      'is mended on one node only',
      [entry(3_000, 'begin'), entry(3_000, 'begin', { node: 'replica2' }), entry(5_000, 'end')],
    ],
  ])('a fault to the end has no after: it %s', (_, entries) => {
    const { toMs, read, readsAgainMs } = only(entries, all);
    expect({ toMs, readsAgainMs }).toEqual({ toMs: null, readsAgainMs: null });
    expect(read).toMatchObject({ first: { requests: 20 }, during: { requests: 70 }, after: nothing });
    expect(read.settledMs).toBe(0);
  });
});

test('two faults are apart, though they are of one kind', () => {
  const second = { index: 1, fault: 'pause', node: 'replica2' };
  const entries = [
    ...[entry(2_000, 'begin'), entry(5_000, 'begin', second)],
    ...[entry(6_000, 'end'), entry(9_000, 'end', second)],
  ];
  const windows = windowsOf(entries, every100(0, 12_000, { tookMs: 10 }));
  expect(
    windows.map(({ fault, nodes, fromMs, toMs, read }) => [fault, nodes, fromMs, toMs, read.before.requests]),
  ).toEqual([
    ['kill', ['replica1'], 2_000, 6_000, 20],
    ['pause', ['replica2'], 5_000, 9_000, 50],
  ]);
});

test('without a trace there are times, and no requests', () => {
  const [window] = faultWindows(killed, { startedAtMs, durationMs });
  expect(window).toMatchObject({ fromMs: 3_000, toMs: 8_000, read: { before: nothing }, readsAgainMs: null });
  expect(faultWindows([], { startedAtMs, durationMs })).toEqual([]);
});
