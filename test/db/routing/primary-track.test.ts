import { describe, expect, test } from 'vitest';
import { createPrimaryTrack, type PrimaryTrack } from '../../../src/db/routing/primary-track.ts';

const at = (lsn: number, timeline = 1) => ({ timeline, lsn });

/** Samples of [lsn, ms]; the server's clock is ahead by a second. */
function trackOf(samples: readonly (readonly [lsn: number, ms: number, timeline?: number])[]): PrimaryTrack {
  const track = createPrimaryTrack();
  for (const [lsn, ms, timeline = 1] of samples) {
    track.add({ position: at(lsn, timeline), sentMs: ms, serverMs: ms + 1_000 });
  }
  return track;
}

describe('the lag of a replica', () => {
  test('does not grow while nothing is written', () => {
    const track = trackOf([
      [100, 0],
      [100, 5_000],
      [100, 10_000],
    ]);
    expect(track.lagMs(at(100), 10_010, 200)).toBe(0);
  });

  test('does not leap at the first write after a pause', () => {
    const track = trackOf([
      [100, 0],
      [100, 8_000],
      [204, 8_100],
    ]);
    // By the timestamp of the last replayed transaction this would be 8.15 s.
    expect(track.lagMs(at(100), 8_150, 200)).toBe(150);
  });

  test('grows while replay stands still, and on with every look', () => {
    const track = trackOf([
      [100, 0],
      [200, 100],
      [300, 200],
    ]);
    expect(track.lagMs(at(150), 300, 200)).toBe(300);
    expect(track.lagMs(at(150), 4_300, 200)).toBe(4_300);
  });

  test('is the age of the latest sample when the primary has not answered since', () => {
    const track = trackOf([[100, 0]]);
    expect(track.lagMs(at(100), 150, 200)).toBe(0);
    expect(track.lagMs(at(100), 5_000, 200)).toBe(5_000);
  });

  test('is infinite of a replica behind all that is remembered, or on another timeline', () => {
    const track = trackOf([[100, 0]]);
    expect(track.lagMs(at(99), 10, 200)).toBe(Number.POSITIVE_INFINITY);
    expect(track.lagMs(at(100, 2), 10, 200)).toBe(Number.POSITIVE_INFINITY);
    expect(track.lagBytes(at(100, 2))).toBe(Number.POSITIVE_INFINITY);
    expect(createPrimaryTrack().lagMs(at(100), 10, 200)).toBe(Number.POSITIVE_INFINITY);
  });

  test('in bytes is the distance to the latest sample', () => {
    const track = trackOf([
      [100, 0],
      [300, 100],
    ]);
    expect(track.lagBytes(at(120))).toBe(180);
    expect(track.lagBytes(at(400))).toBe(0);
  });

  test('is still known of a replica that stood still for longer than the ring is long', () => {
    const track = createPrimaryTrack(64);
    for (let ms = 0; ms < 10_000; ms += 10) track.add({ position: at(ms), sentMs: ms, serverMs: ms });
    const lag = track.lagMs(at(0), 10_000, 20);
    expect(lag).toBe(10_000);
    expect(track.lagMs(at(9_000), 10_000, 20)).toBeGreaterThanOrEqual(1_000);
    expect(track.lagMs(at(9_000), 10_000, 20)).toBeLessThan(1_500);
  });
});

describe('a bound of what was seen', () => {
  const track = trackOf([
    [100, 0],
    [200, 100],
    [300, 200],
    [300, 300],
  ]);

  test('is the first sample that was taken since', () => {
    expect(track.boundAt(50)).toEqual(at(200));
    expect(track.boundAt(100)).toEqual(at(200));
    expect(track.boundAt(101)).toEqual(at(300));
    expect(track.boundAt(250)).toEqual(at(300));
    expect(track.boundAtServer(1_101)).toEqual(at(300));
  });

  test('is none that was taken before the clock of the primary was set back', () => {
    const turned = createPrimaryTrack();
    const samples = [
      [100, 0, 1_000],
      [200, 100, 5_000],
      [300, 200, 2_000],
      [400, 300, 2_100],
    ] as const;
    for (const [lsn, sentMs, serverMs] of samples) turned.add({ position: at(lsn), sentMs, serverMs });
    // By its own clock a read at 1990 was before the sample of 5000, and it was after it.
    expect(turned.boundAtServer(1_990)).toEqual(at(300));
    expect(turned.boundAtServer(2_050)).toEqual(at(400));
    // It was before that, or will be: only the node that showed it will do.
    expect(turned.boundAtServer(4_900)).toBeUndefined();
    // Of its own clock each process is sure.
    expect(turned.boundAt(50)).toEqual(at(200));
  });

  test('is not known before there is one', () => {
    expect(track.boundAt(301)).toBeUndefined();
    expect(track.boundAtServer(1_301)).toBeUndefined();
  });
});

describe('after a promotion', () => {
  const track = trackOf([
    [100, 0],
    [500, 100],
    [450, 200, 2],
  ]);

  test('what a node has of the older timeline is all that has survived', () => {
    // 500 was written on timeline 1 and is lost: the new primary began at 450 or before.
    expect(track.includes(at(450, 2), at(500))).toBe(true);
    expect(track.includes(at(440, 2), at(300))).toBe(false);
  });

  test('a node on the older timeline has nothing of the newer', () => {
    expect(track.includes(at(900), at(460, 2))).toBe(false);
    expect(track.lagMs(at(500), 210, 200)).toBe(Number.POSITIVE_INFINITY);
  });

  test('a position on one timeline is compared by bytes', () => {
    expect(track.includes(at(450, 2), at(450, 2))).toBe(true);
    expect(track.includes(at(449, 2), at(450, 2))).toBe(false);
  });

  test('the former primary changes nothing any more', () => {
    track.add({ position: at(900), sentMs: 300, serverMs: 1_300 });
    expect(track.last?.position).toEqual(at(450, 2));
  });
});
