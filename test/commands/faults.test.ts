import { describe, expect, test } from 'vitest';
import { refuseUnknownNodes, withFaults } from '../../bench/commands/faults.ts';
import { describeFault } from '../../bench/faults/drill.ts';
import { type Scenario, UsageError } from '../../bench/model.ts';
import readHeavy from '../../scenarios/read-heavy.ts';
import replicaLoss from '../../scenarios/replica-loss.ts';
import soak from '../../scenarios/soak.ts';

const defaultsOf = ({ defaults }: Scenario) => [defaults.blocks, defaults.sliceSeconds] as const;
/** As messages call it. */
const nameOf = (text: string): string =>
  faultsOf(text)
    ?.map((fault) => `${describeFault(fault)} on ${fault.node}`)
    .join() ?? '';
const faultsOf = (...texts: readonly string[]) => withFaults(readHeavy, texts).faults;

describe('--fault', () => {
  test.each([
    ['kill:replica1@0.3-0.6', { kind: 'kill', node: 'replica1', from: 0.3, to: 0.6 }],
    ['pause:replicas', { kind: 'pause', node: 'replicas', from: 0 }],
    ['stop:primary@0.5', { kind: 'stop', node: 'primary', from: 0.5 }],
    ['replay-pause:replica2', { kind: 'replay-pause', node: 'replica2', from: 0 }],
    ['replay-delay:replicas:200ms', { kind: 'replay-delay', node: 'replicas', delayMs: 200, from: 0 }],
    [
      'link-delay:app:replica1:2s@.5',
      { kind: 'link-delay', node: 'replica1', link: 'app', delayMs: 2_000, from: 0.5 },
    ],
    [
      'link-throttle:wal:replica1:64kB',
      { kind: 'link-throttle', node: 'replica1', link: 'wal', bytesPerSecond: 64_000, from: 0 },
    ],
    ['link-cut:wal:replicas', { kind: 'link-cut', node: 'replicas', link: 'wal', from: 0 }],
  ])('%s', (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  test('takes the place of those that the scenario has, and may be said several times', () => {
    expect(faultsOf('pause:replica1', 'kill:replica2')).toHaveLength(2);
    expect(withFaults(readHeavy, [])).toBe(readHeavy);
    expect(withFaults(replicaLoss, [])).toBe(replicaLoss);
    expect(replicaLoss.faults).toHaveLength(1);
    // Its own kill of replica1 would overlap.
    expect(withFaults(replicaLoss, ['pause:replica1']).faults).toEqual([
      { kind: 'pause', node: 'replica1', from: 0 },
    ]);
  });

  test.each([
    ['of a part of the slice has fewer and longer ones', readHeavy, 'kill:replica1@0.3-0.6', 3, 30],
    ['from some time on has, too', readHeavy, 'kill:replica1@0.5', 3, 30],
    ['of all of it needs none', readHeavy, 'kill:replica1', 7, 3],
    ['in slices that are longer is left alone', soak, 'kill:replica1@0.3-0.6', ...defaultsOf(soak)],
  ] as const)('%s', (_, scenario, text, blocks, sliceSeconds) => {
    expect(withFaults(scenario, [text]).defaults).toEqual({ blocks, sliceSeconds });
  });

  test.each([
    ['burn:replica1', /"burn" is no fault: there are stop, kill/],
    ['kill:server1', /is none of primary, replicas, replica1/],
    ['replay-delay:replica1', /needs a time at its end, 200ms or 2s/],
    ['replay-pause:primary', /is the primary, which replays nothing/],
    ['link-cut:replica1', /a link is app .* or wal/],
    ['link-throttle:app:replica1:fast', /needs bytes a second/],
    ['kill:replica1:5s', /"5s" is too much/],
    ['kill:replica1@0.3@0.5', /"0\.5" is too much/],
    ['kill:replica1@1', /from/],
    ['kill:replica1@soon', /"@soon" is no part of the slice/],
    ['kill:replica1@0.6-0.3', /is not after from, 0\.6/],
  ])('%s is refused', (text, message) => {
    expect(() => faultsOf(text)).toThrow(UsageError);
    expect(() => faultsOf(text)).toThrow(message);
  });

  test.each([
    ['kill:replica1@0.1-0.5', 'pause:replica1@0.4-0.6'],
    ['kill:replica1', 'replay-delay:replica1:1s@0.9'],
    // Mending takes time.
    ['kill:replica1@0.1-0.5', 'kill:replica1@0.5-0.6'],
    ['stop:replica2@0.5-0.6', 'pause:replicas@0.1-0.9'],
    ['pause:replicas@0.1-0.9', 'replay-pause:replica3'],
    ['link-cut:app:replica1@0.1-0.5', 'link-delay:app:replica1:20ms@0.2-0.3'],
    ['link-cut:wal:replicas', 'link-throttle:wal:replica2:64kB@0.5'],
  ])('%s and %s overlap', (first, second) => {
    const [one = '', other = ''] = [first, second].map((text) => nameOf(text));
    expect(() => faultsOf('kill:primary', first, second)).toThrow(
      `faults.2.from: ${one} and ${other} overlap: one must be over before the other begins`,
    );
  });

  test.each([
    ['kill:replica1@0.1-0.4', 'kill:replica1@0.5-0.6'],
    ['kill:replica1@0.1-0.5', 'kill:replica2@0.1-0.5'],
    ['kill:primary', 'pause:replicas'],
    ['link-cut:app:replica1', 'link-cut:wal:replica1'],
    ['kill:replica1', 'link-cut:app:replicas'],
    ['link-cut:app:primary', 'link-delay:app:replicas:5ms'],
  ])('%s and %s do not', (first, second) => {
    expect(faultsOf(first, second)).toHaveLength(2);
  });
});

describe('a fault on a node', () => {
  const refusing = (text: string, ...replicas: readonly number[]) => {
    const arms = replicas.map((count) => ({ replicas: count }));
    return () => refuseUnknownNodes(withFaults(readHeavy, [text]), arms);
  };

  test.each([
    ['kill:primary', [0]],
    ['kill:replica1', [0, 1]],
    ['pause:replicas', [0, 2]],
  ] as const)('that an arm has is made: %s', (text, replicas) => {
    expect(refusing(text, ...replicas)).not.toThrow();
  });

  test.each([
    [
      'kill:replica9',
      [0, 2],
      'read-heavy: kill on replica9 would never happen: the arms have primary, replica1, replica2; name one of them',
    ],
    ['pause:replicas', [0], 'pause on replicas would never happen: the arms have primary; name'],
  ] as const)('that no arm has is refused: %s', (text, replicas, message) => {
    expect(refusing(text, ...replicas)).toThrow(UsageError);
    expect(refusing(text, ...replicas)).toThrow(message);
  });
});
