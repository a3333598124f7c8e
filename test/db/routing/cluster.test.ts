import { describe, expect, test } from 'vitest';
import { fakeCluster } from './fakes.ts';

describe('the primary', () => {
  test('is the configured one until somebody says otherwise', () => {
    const { cluster, primary, changes } = fakeCluster();
    expect(cluster.primary).toBe(primary);
    expect(changes).toEqual([]);
  });

  test('is found where it is, if the configuration is out of date', () => {
    const { cluster, primary, replicas, changes, sample } = fakeCluster();
    const [promoted] = replicas;
    if (promoted === undefined) throw new Error('expected a replica');
    sample(primary, 100, 0, { isPrimary: false });
    expect(cluster.primary).toBeNull();
    sample(promoted, 100, 1, { isPrimary: true });
    expect(cluster.primary).toBe(promoted);
    expect([primary.role, promoted.role]).toEqual(['replica', 'primary']);
    expect(changes).toEqual(['primary -> none', 'none -> replica1']);
  });

  test('of two that take writes is the one on the later timeline, whoever is asked first', () => {
    for (const order of ['old first', 'new first']) {
      const { cluster, primary, replicas, sample } = fakeCluster();
      const [promoted] = replicas;
      if (promoted === undefined) throw new Error('expected a replica');
      sample(primary, 100, 0);
      const ask = [
        () => sample(primary, 150, 10, { isPrimary: true }),
        () => sample(promoted, 120, 11, { isPrimary: true, timeline: 2 }),
      ];
      for (const one of order === 'old first' ? ask : ask.toReversed()) one();
      sample(primary, 160, 20, { isPrimary: true });
      expect(cluster.primary, order).toBe(promoted);
      expect(primary.role, order).toBe('fenced');
    }
  });

  test('that comes back as a standby is a replica again', () => {
    const { cluster, primary, replicas, sample } = fakeCluster();
    const [promoted] = replicas;
    if (promoted === undefined) throw new Error('expected a replica');
    sample(promoted, 120, 0, { isPrimary: true, timeline: 2 });
    expect(primary.role).toBe('fenced');
    sample(primary, 110, 10, { isPrimary: false, timeline: 2 });
    expect(primary.role).toBe('replica');
    expect(cluster.primary).toBe(promoted);
  });
});

describe('the lag of a replica', () => {
  test('is measured whenever anybody has answered', () => {
    const { primary, replicas, sample } = fakeCluster();
    const [replica] = replicas;
    if (replica === undefined) throw new Error('expected a replica');
    expect(replica.lagMs).toBe(Number.POSITIVE_INFINITY);
    sample(primary, 100, 0);
    sample(replica, 100, 1);
    expect(replica).toMatchObject({ lagMs: 0, lagBytes: 0 });
    sample(primary, 300, 100);
    expect(replica).toMatchObject({ lagMs: 101, lagBytes: 200 });
  });

  test('is infinite on another timeline, and known again when it has followed', () => {
    const { primary, replicas, sample } = fakeCluster();
    const [promoted, other] = replicas;
    if (promoted === undefined || other === undefined) throw new Error('expected replicas');
    sample(primary, 100, 0);
    sample(other, 100, 1);
    sample(promoted, 110, 10, { isPrimary: true, timeline: 2 });
    expect(other.lagMs).toBe(Number.POSITIVE_INFINITY);
    sample(other, 110, 20, { timeline: 2 });
    expect(other.lagMs).toBe(0);
  });

  test('is known of a standby that does not say its timeline', () => {
    const { primary, replicas, sample } = fakeCluster();
    const [replica] = replicas;
    if (replica === undefined) throw new Error('expected a replica');
    sample(primary, 100, 0);
    sample(replica, 90, 1, { timeline: 0 });
    expect(replica.place).toEqual({ timeline: 1, lsn: 90 });
  });

  test('is infinite of one that only says where it was at its latest restartpoint, before the promotion', () => {
    const { replicas, sample } = fakeCluster();
    const [promoted, other] = replicas;
    if (promoted === undefined || other === undefined) throw new Error('expected replicas');
    sample(promoted, 110, 10, { isPrimary: true, timeline: 2 });
    // It has replayed past the fork, and lost its WAL receiver with the primary: what it has more is lost.
    sample(other, 120, 20, { timeline: 0 });
    expect(other.lagMs).toBe(Number.POSITIVE_INFINITY);
    other.note('failed');
    sample(other, 120, 30, { timeline: 0 });
    expect(other.lagMs).toBe(Number.POSITIVE_INFINITY);
    sample(other, 120, 40, { timeline: 0, checkpointTimeline: 2 });
    expect(other.lagMs).toBe(0);
  });
});
