import { describe, expect, test } from 'vitest';
import { findBottleneck } from '../../bench/analysis/bottleneck.ts';
import type { Bottleneck, NodeCpu, SliceResult } from '../../bench/model.ts';
import { foldJournal } from './fold-journal.ts';
import { buildJournal, replicatedArm } from './journal-builder.ts';

const [, arm] = foldJournal(buildJournal({ blocks: 2, sharedNoise: 0, ownNoise: 0 })).arms;
const slices = (arm?.slices ?? []).filter(({ kind }) => kind === 'read-saturation');
const idle: NodeCpu = { percent: 20, cores: 0.05, p95Cores: 0.06, quotaCores: 0.25, throttledPercent: 0 };
const app: NodeCpu = { percent: 20, cores: 0.2, p95Cores: 0.2, quotaCores: null, throttledPercent: null };

function find(change: Partial<SliceResult>): Bottleneck {
  const changed = slices.map((slice) => ({ ...slice, ...change }));
  const found = findBottleneck(changed, 'read-saturation', replicatedArm);
  if (found === null) throw new Error('expected a bottleneck');
  return found;
}

describe('the bottleneck', () => {
  test('is the station that is used up, with its figure, and what is used up beside it', () => {
    const found = find({});
    expect(found.station).toBe('replica1');
    expect(found.sentence).toContain(
      'replica1 (96 % of its CPU quota, stopped by it in 50 % of periods) is the limit',
    );
    expect(found.sentence).toContain('with replica2 (95 % of its CPU quota');
    expect(found.utilisation.map(({ station }) => station)).toEqual([
      'primary',
      'replica1',
      'replica2',
      'app',
      'generator',
      'host',
    ]);
  });

  test('is the application when its one thread is, whatever the nodes do', () => {
    const cpu = { primary: idle, replica1: idle, replica2: idle, app: { ...app, percent: 98 } };
    expect(find({ cpu })).toMatchObject({
      station: 'app',
      sentence: 'the application (98 % of one core) is the limit.',
    });
  });

  test('is a node that its quota stops often, though its mean is low', () => {
    const bursty = { ...idle, percent: 70, cores: 0.175, throttledPercent: 80 };
    const found = find({ cpu: { primary: bursty, replica1: idle, replica2: idle, app } });
    expect(found).toMatchObject({ station: 'primary' });
    expect(found.sentence).toContain('70 % of its CPU quota, stopped by it in 80 % of periods');
  });

  test('is no node in a slice below capacity, where bursts touch the quota and limit nothing', () => {
    const bursty = { ...idle, percent: 70, cores: 0.175, throttledPercent: 80 };
    const cpu = { primary: bursty, replica1: idle, replica2: idle, app };
    const steady = slices.map((slice) => ({ ...slice, kind: 'steady' as const, cpu }));
    expect(findBottleneck(steady, 'steady', replicatedArm)?.station).toBe('none');
  });

  test('is no node without a quota: percent of one core bounds nothing there', () => {
    const busy = { ...app, percent: 130, cores: 1.3 };
    const found = find({ cpu: { primary: busy, replica1: idle, replica2: idle, app } });
    expect(found.station).toBe('none');
    expect(found.utilisation[0]?.note).toBe('1.30 cores used, no quota');
  });

  test('is none when nothing is used up, and then the pool is named if requests wait for it', () => {
    const cpu = { primary: idle, replica1: idle, replica2: idle, app: { ...app, percent: 60 } };
    const found = find({ cpu });
    expect(found.station).toBe('none');
    expect(found.sentence).toContain('the busiest is the application (60 % of one core)');
    expect(found.sentence).toContain('3.0 requests waited for a database connection with 10.0 in use');
    const [slice] = slices;
    const unseen = slice && { ...slice.app, poolWaiting: null, poolInUse: null };
    expect(find({ cpu, ...(unseen && { app: unseen }) }).sentence).toMatch(
      /connection pool \(not observed\), .* row locks/,
    );
  });

  test('is unknown, and says so, when nothing was observed but the generator', () => {
    const host = { busyPercent: null, foreignPercent: null, stealPercent: null };
    const found = find({ cpu: {}, host });
    expect(found.station).toBe('none');
    expect(found.utilisation.find(({ station }) => station === 'replica1')?.percent).toBeNull();
  });

  test('is not looked for in slices that do not exist', () => {
    expect(findBottleneck(slices, 'steady', replicatedArm)).toBeNull();
  });
});
