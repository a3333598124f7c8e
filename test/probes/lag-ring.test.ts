import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLagRing, type LagRing } from '../../bench/probes/lag-ring.ts';

/** The primary was seen at `lsn`; everything is flushed unless said otherwise. */
function see(ring: LagRing, atMs: number, lsn: number, flushLsn = lsn): void {
  ring.add({ insertLsn: lsn, flushLsn, sentMs: atMs, receivedMs: atMs + 1 });
}

const replicaAt = (replayLsn: number, atMs: number) => ({ replayLsn, sentMs: atMs, receivedMs: atMs + 1 });

describe('lag ring', () => {
  test('does not grow while the primary is idle', () => {
    const ring = createLagRing();
    for (let atMs = 0; atMs <= 60_000; atMs += 100) see(ring, atMs, 500);
    expect(ring.bounds(replicaAt(500, 60_001))).toEqual({ upperMs: 2, lowerMs: 0 });
    expect(ring.size).toBe(1);
  });

  test('does not spike at the first write after a pause', () => {
    const ring = createLagRing();
    for (let atMs = 0; atMs <= 8_000; atMs += 100) see(ring, atMs, 500);
    see(ring, 8_100, 604);
    expect(ring.bounds(replicaAt(500, 8_149)).upperMs).toBe(150);
  });

  test('grows while replay stands still behind one record', () => {
    const ring = createLagRing();
    see(ring, 0, 500);
    for (let atMs = 100; atMs <= 5_000; atMs += 100) see(ring, atMs, 604);
    expect(ring.bounds(replicaAt(500, 5_000))).toEqual({ upperMs: 5_001, lowerMs: 4_899 });
  });

  test('tells which of many positions was reached', () => {
    const ring = createLagRing();
    for (let index = 0; index <= 20; index += 1) see(ring, index * 100, 1_000 + index * 10);
    expect(ring.bounds(replicaAt(1_055, 2_000))).toEqual({ upperMs: 1_501, lowerMs: 1_399 });
  });

  test('does not know how far behind its own beginning a replica is, only how much at least', () => {
    const ring = createLagRing();
    see(ring, 0, 500);
    expect(ring.bounds(replicaAt(400, 1_000))).toEqual({ upperMs: undefined, lowerMs: 999 });
  });

  test('counts only flushed WAL as certainly missing', () => {
    const ring = createLagRing();
    see(ring, 0, 500);
    see(ring, 100, 604, 500);
    see(ring, 900, 604, 500);
    expect(ring.bounds(replicaAt(500, 1_000))).toEqual({ upperMs: 1_001, lowerMs: 0 });
    see(ring, 1_000, 604, 604);
    expect(ring.bounds(replicaAt(500, 1_500))).toEqual({ upperMs: 1_501, lowerMs: 499 });
  });

  test('forgets the history of another cluster', () => {
    const ring = createLagRing();
    see(ring, 0, 9_000);
    see(ring, 100, 500);
    expect(ring.bounds(replicaAt(500, 200))).toEqual({ upperMs: 101, lowerMs: 0 });
  });

  test('stays within its capacity, and its bounds still hold the true ones', () => {
    const step = fc.record({ ms: fc.integer({ min: 1, max: 200 }), bytes: fc.integer({ min: 0, max: 300 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 200 }), fc.nat(30_000), (steps, behind) => {
        const small = createLagRing(16);
        const full = createLagRing(1_000);
        let atMs = 0;
        let lsn = 100;
        for (const { ms, bytes } of steps) {
          atMs += ms;
          lsn += bytes;
          for (const ring of [small, full]) see(ring, atMs, lsn);
        }
        const replica = replicaAt(Math.max(100, lsn - behind), atMs + 5);
        const exact = full.bounds(replica);
        const wide = small.bounds(replica);
        expect(small.size).toBeLessThanOrEqual(16);
        expect(wide.lowerMs).toBeLessThanOrEqual(exact.lowerMs);
        expect(wide.upperMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(
          exact.upperMs ?? Number.POSITIVE_INFINITY,
        );
        // The oldest memory survives, so a replica that stopped long ago still has an age.
        if (exact.upperMs !== undefined) expect(wide.upperMs).toBeDefined();
      }),
    );
  });
});
