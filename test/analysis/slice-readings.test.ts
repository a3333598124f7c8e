import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { collectReadings, type SliceReadings } from '../../bench/analysis/slice-readings.ts';
import type { Reading } from '../../bench/model.ts';

/** One value read every 100 ms from `fromMs` to `toMs`. */
function collect(
  name: string,
  valueAt: (atMs: number) => number,
  range: { fromMs?: number; toMs: number; subject?: string },
  window: { fromMs: number; toMs: number },
): SliceReadings {
  const collector = collectReadings(0);
  const subject = range.subject ?? 'primary';
  for (let atMs = range.fromMs ?? 0; atMs <= range.toMs; atMs += 100) {
    collector.add({ atMs, probe: 'any', subject, values: { [name]: valueAt(atMs) } });
  }
  return collector.close(window.fromMs, window.toMs);
}

describe('the readings of a slice', () => {
  test('give the rate of a counter between its readings in the measured time alone', () => {
    // Idle before 1 s and after 3 s, half a core between: the edges must not thin it out.
    const cpuMs = (atMs: number): number => 5000 + 0.5 * (Math.min(Math.max(atMs, 1000), 3000) - 1000);
    const readings = collect('cpuMs', cpuMs, { toMs: 5000 }, { fromMs: 1000, toMs: 3000 });
    expect(readings.ratePerSecond('primary', 'cpuMs')).toBe(500);
    expect(readings.increase('primary', 'cpuMs')).toBe(1000);
  });

  test('divide by the time between the readings, not by the length of the slice', () => {
    const readings = collect('cpuMs', (at) => at, { fromMs: 500, toMs: 2000 }, { fromMs: 0, toMs: 2000 });
    expect(readings.ratePerSecond('primary', 'cpuMs')).toBe(1000);
  });

  test('are unknown, not zero, without a reading, with one, and after a counter that began anew', () => {
    const window = { fromMs: 0, toMs: 1000 };
    const single = collect('cpuMs', () => 7, { toMs: 0 }, window);
    const restarted = collect('cpuMs', (at) => (at < 500 ? 900 : at / 100), { toMs: 1000 }, window);
    for (const readings of [single, restarted]) {
      expect(readings.ratePerSecond('primary', 'cpuMs')).toBeNull();
    }
    expect(single.ratePerSecond('replica1', 'cpuMs')).toBeNull();
    expect(single.gauge('primary', 'lagBytes')).toBeNull();
    expect(single.allLag).toBeNull();
  });

  test('are unknown when less than half of the slice was observed', () => {
    const window = { fromMs: 0, toMs: 2000 };
    expect(collect('cpuMs', (at) => at, { toMs: 900 }, window).increase('primary', 'cpuMs')).toBeNull();
    expect(collect('cpuMs', (at) => at, { toMs: 1000 }, window).increase('primary', 'cpuMs')).toBe(1000);
  });

  test('of a slice in parts are those of its parts together, and nothing of what was between them', () => {
    const collector = collectReadings(0);
    const read = (atMs: number, subject: string, values: Readonly<Record<string, number>>) =>
      collector.add({ atMs, probe: 'any', subject, values });
    // 0.2 cores in the first second, 0.6 in the third, a whole one between.
    for (let at = 0; at <= 1000; at += 100) read(at, 'app', { cpuMs: at * 0.2 });
    for (let at = 0; at <= 1000; at += 100) read(at, 'replica1', { lagMs: 10 });
    for (let at = 0; at <= 1000; at += 100) read(at, 'replica2', { lagMs: 10 });
    collector.close(0, 1000);
    for (let at = 1100; at < 2000; at += 100) read(at, 'app', { cpuMs: 200 + at - 1000 });
    collector.resume(2000);
    for (let at = 2000; at <= 3000; at += 100) read(at, 'app', { cpuMs: 1200 + (at - 2000) * 0.6 });
    for (let at = 2000; at <= 3000; at += 100) read(at, 'redis', { cpuMs: at });
    for (let at = 2000; at <= 3000; at += 100) read(at, 'replica1', { lagMs: 30 });
    const readings = collector.close(2000, 3000);
    expect(readings.ratePerSecond('app', 'cpuMs')).toBeCloseTo(400, 6);
    expect(readings.increase('app', 'cpuMs')).toBeCloseTo(800, 6);
    expect(readings.ratePerSecond('redis', 'cpuMs')).toBeNull();
    expect(readings.lag('replica1')).toMatchObject({ samples: 22, maxMs: 30 });
    // Silent in the second part, so unknown in the slice.
    expect(readings.lag('replica2')).toBeNull();
  });

  test('do not depend on the order in which subjects report', () => {
    const collector = collectReadings(0);
    for (const atMs of [2000, 0, 1000]) {
      collector.add({ atMs, probe: 'cpu', subject: 'primary', values: { cpuMs: atMs / 4 } });
    }
    expect(collector.close(0, 2000).ratePerSecond('primary', 'cpuMs')).toBe(250);
  });

  test('of a slow probe reach to the readings just outside the slice, if there are any', () => {
    const collector = collectReadings(0);
    // One reading a second, and one at each edge, as a real machine gave them.
    for (const [atMs, busyMs] of [
      [2, 100],
      [1112, 1210],
      [2074, 2172],
      [2113, 2211],
    ] as const) {
      collector.add({ atMs, probe: 'host', subject: 'host', values: { busyMs } });
    }
    expect(collector.close(100, 2100).ratePerSecond('host', 'busyMs')).toBe(1000);
  });

  test('merge the lag of all replicas; they do not average its quantiles', () => {
    const collector = collectReadings(0);
    for (let atMs = 0; atMs < 1000; atMs += 10) {
      for (const [subject, lagMs] of [
        ['replica1', 2],
        ['replica2', 100],
      ] as const) {
        collector.add({ atMs, probe: 'lag', subject, values: { lagMs, lagBytes: lagMs * 10 } });
      }
    }
    const readings = collector.close(0, 1000);
    expect(readings.lag('replica1')?.p95Ms).toBeCloseTo(2, 1);
    expect(readings.allLag).toMatchObject({ samples: 200, maxBytes: 1000, viewMaxMs: null });
    expect(readings.allLag?.p95Ms).toBeCloseTo(100, 0);
    expect(readings.allLag?.p50Ms).toBeCloseTo(2, 1);
  });

  test('are the same for a slice of minutes, whose middle is folded while it runs', () => {
    const window = { fromMs: 500, toMs: 900_000 };
    const lag = collect('lagMs', (at) => (at / 100) % 50, { toMs: 905_000, subject: 'replica1' }, window);
    expect(lag.allLag?.samples).toBe((900_000 - 500) / 100 + 1);
    expect(lag.allLag?.maxMs).toBeCloseTo(49, 1);
    const cpu = collect('cpuMs', (at) => at / 2, { toMs: 905_000 }, window);
    expect(cpu.increase('primary', 'cpuMs')).toBe((900_000 - 500) / 2);
  });

  test('take no more memory for a day than for minutes', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const collector = collectReadings(0);
    const fill = (fromMs: number, toMs: number): number => {
      for (let atMs = fromMs; atMs < toMs; atMs += 200) {
        collector.add({ atMs, probe: 'lag', subject: 'replica1', values: { lagMs: 3, cpuMs: atMs } });
      }
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const afterMinutes = fill(0, 400_000);
    const afterADay = fill(400_000, 86_400_000);
    // 430,000 readings kept would be 60 MB or more.
    expect(afterADay - afterMinutes).toBeLessThan(5_000_000);
    expect(collector.close(0, 86_400_000).allLag?.samples).toBe(432_000);
  });
});

describe('lag that was not observed throughout', () => {
  const lagAt = (atMs: number): Reading => ({
    atMs,
    probe: 'lag',
    subject: 'replica1',
    values: { lagMs: 1 },
  });
  const observe = (times: readonly number[]) => {
    const collector = collectReadings(0);
    for (const atMs of times) collector.add(lagAt(atMs));
    return collector.close(0, 4000).lag('replica1');
  };
  const every250 = Array.from({ length: 17 }, (_, index) => index * 250);

  test('counts as unknown: the samples that are left are the good ones', () => {
    expect(observe(every250)?.samples).toBe(17);
    expect(observe(every250.filter((atMs) => atMs < 2500))).toBeNull();
    expect(observe(every250.filter((atMs) => atMs > 1500))).toBeNull();
    expect(observe(every250.filter((atMs) => atMs < 1000 || atMs > 2500))).toBeNull();
    // One late answer is no silence.
    expect(observe(every250.filter((atMs) => atMs !== 2000))?.samples).toBe(16);
  });
});
