import { describe, expect, test } from 'vitest';
import type { Reading } from '../../../bench/model.ts';
import { type CheckResult, failed, ok } from '../../../bench/operations/verify/check.ts';
import { judgeLag } from '../../../bench/operations/verify/lag.ts';
import { judgeSpread } from '../../../bench/operations/verify/read-spread.ts';
import {
  applicationNameOf,
  judgeReceiver,
  type Receiver,
} from '../../../bench/operations/verify/streaming.ts';
import { checkLine } from '../../../bench/operations/verify/verify.ts';

describe('streaming', () => {
  const receiver: Receiver = {
    name: 'replica1',
    problem: null,
    inRecovery: true,
    systemIdentifier: '7',
    status: 'streaming',
    applicationName: 'replica1',
  };
  const sender = { applicationName: 'replica1', state: 'streaming', syncState: 'async' };

  test.each<[string, Partial<Receiver>, object[], string, boolean]>([
    ['streams', {}, [sender], 'replica1 streaming (async)', true],
    [
      'under another name',
      { applicationName: 'walreceiver' },
      [{ ...sender, applicationName: 'walreceiver' }],
      'replica1 streaming (async)',
      true,
    ],
    ['a name that may not be seen', { applicationName: null }, [sender], 'replica1 streaming (async)', true],
    [
      'cannot be asked',
      { problem: 'connect ECONNREFUSED' },
      [],
      'replica1 does not answer: connect ECONNREFUSED',
      false,
    ],
    ['another cluster', { systemIdentifier: '8' }, [sender], 'replica1 holds another cluster', false],
    ['promoted', { inRecovery: false, status: null }, [], 'replica1 is no replica: it accepts writes', false],
    ['no walreceiver', { status: null }, [], 'replica1 has no connection to the primary', false],
    [
      'not in the view of the primary',
      {},
      [{ ...sender, applicationName: 'replica2' }],
      'replica1 streams from another server than the primary',
      false,
    ],
    ['catching up', {}, [{ ...sender, state: 'catchup' }], 'replica1 is in state catchup', false],
  ])('%s', (_name, changes, senders, sentence, streams) => {
    const judged = judgeReceiver({ ...receiver, ...changes }, senders as (typeof sender)[], '7');
    expect(judged).toEqual({ streams, sentence });
  });

  test('the name of a walreceiver is read from its connection string', () => {
    expect(applicationNameOf("user=r fallback_application_name='replica 1' application_name=one")).toBe(
      'one',
    );
    expect(applicationNameOf("user=r fallback_application_name='replica 1' host=x")).toBe('replica 1');
    expect(applicationNameOf('user=r')).toBeNull();
    expect(applicationNameOf(null)).toBeNull();
  });
});

describe('lag', () => {
  const reading = (values: Reading['values']): Reading => ({
    atMs: 0,
    probe: 'lag',
    subject: 'replica1',
    values,
  });

  test('the last reading counts: catching up is fine', () => {
    const late = reading({ lagMs: 9_000, lagLowerMs: 8_000, lagBytes: 50_000_000, streaming: 1 });
    const caughtUp = reading({ lagMs: 12.5, lagLowerMs: 10, lagBytes: 2_048, streaming: 1 });
    expect(judgeLag('replica1', [late, caughtUp])).toEqual({
      fine: true,
      sentence: 'replica1 2.0 kB, 13 ms behind',
    });
  });

  test.each<[string, Reading['values'], string]>([
    [
      'too many bytes',
      { lagMs: 10, lagLowerMs: 0, lagBytes: 2 * 1024 * 1024 },
      'replica1 2.0 MB, 10 ms behind',
    ],
    ['too long', { lagMs: 5_001, lagLowerMs: 0, lagBytes: 100 }, 'replica1 100 B, 5.0 s behind'],
    [
      'behind everything seen',
      { lagLowerMs: 5_900, lagBytes: 100 },
      'replica1 100 B, more than 5.9 s behind',
    ],
  ])('is high: %s', (_name, values, sentence) => {
    expect(judgeLag('replica1', [reading(values)])).toEqual({ fine: false, sentence });
  });

  test('no reading is no lag of nothing', () => {
    expect(judgeLag('replica1', [])).toEqual({ fine: false, sentence: 'replica1 cannot be measured' });
  });
});

describe('spread of reads', () => {
  const counts = (byNode: Record<string, number>, errors = 0) => ({
    byNode,
    errors,
    firstError: errors > 0 ? 'HTTP 500: x' : null,
  });
  const replicas = ['replica1', 'replica2'];

  test('of reads that a cache answered is the work of no node', () => {
    const judged = judgeSpread(counts({ replica1: 60, replica2: 40, cache: 100 }), replicas);
    expect(judged).toMatchObject({ fine: true });
    expect(judged.sentence).toBe('100 reads: replica1 60.0 % · replica2 40.0 %, 100 more from a cache');
    expect(judgeSpread(counts({ cache: 200 }), replicas).fine).toBe(false);
  });

  test('both replicas, unevenly, a few elsewhere', () => {
    expect(judgeSpread(counts({ replica1: 145, replica2: 50, primary: 5 }), replicas)).toMatchObject({
      fine: true,
      sentence: '200 reads: replica1 72.5 % · replica2 25.0 % · primary 2.5 %',
    });
  });

  test.each<[string, ReturnType<typeof counts>, RegExp]>([
    ['single host mode', counts({ primary: 200 }), /DB_REPLICA1_HOST/],
    ['answers that name no node', counts({ '': 200 }), /DB_REPLICA1_HOST/],
    ['one replica only', counts({ replica1: 200 }), /does not read from replica2/],
    ['next to nothing from one', counts({ replica1: 190, replica2: 10 }), /does not read from replica2/],
    ['failures', counts({ replica1: 100, replica2: 97 }, 3), /does not answer/],
    ['no answer at all', counts({}, 200), /does not answer/],
  ])('is wrong: %s', (_name, seen, advice) => {
    const judged = judgeSpread(seen, replicas);
    expect(judged.fine).toBe(false);
    expect(judged.advice).toMatch(advice);
  });
});

test('a line says the outcome, the test, what was seen and what to do', () => {
  const lines: CheckResult[] = [
    ok('lag', 'replica1 0 B, 0.0 ms behind'),
    failed('streaming', 'replica1 has no connection to the primary', 'replibench doctor'),
  ];
  expect(lines.map(checkLine).join('\n')).toBe(
    `ok      lag          replica1 0 B, 0.0 ms behind
FAILED  streaming    replica1 has no connection to the primary
                     → replibench doctor`,
  );
});
