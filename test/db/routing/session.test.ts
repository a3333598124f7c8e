import { describe, expect, test } from 'vitest';
import type { Position } from '../../../src/db/routing/position.ts';
import { createPrimaryTrack } from '../../../src/db/routing/primary-track.ts';
import {
  currentSession,
  floorOf,
  inSession,
  lacksPosition,
  newSession,
  noteRead,
  noteWrite,
} from '../../../src/db/routing/session.ts';
import { createTokenCodec } from '../../../src/db/routing/token.ts';

const at = (lsn: number, timeline = 1) => ({ timeline, lsn });
const read = (node: string, startMs: number, endMs: number) => ({ node, startMs, endMs, timeline: 1 });

function trackOf(...samples: readonly (readonly [lsn: number, ms: number, timeline?: number])[]) {
  const track = createPrimaryTrack();
  for (const [lsn, ms, timeline = 1] of samples) {
    track.add({ position: at(lsn, timeline), sentMs: ms, serverMs: ms + 5_000 });
  }
  return track;
}

describe('the floor of a session', () => {
  test('is none before it has done anything', () => {
    expect(floorOf(newSession(), trackOf([1, 0]))).toBeNull();
  });

  test('is the latest position of its writes, in whatever order they become known', async () => {
    const session = newSession();
    const late = Promise.withResolvers<{ timeline: number; lsn: number }>();
    noteWrite(session, late.promise);
    noteWrite(session, Promise.resolve(at(300)));
    late.resolve(at(200));
    await session.writing;
    expect(session.writing).toBeNull();
    expect(floorOf(session, trackOf([400, 0]))?.written).toEqual(at(300));
  });

  const anywhere = Number.POSITIVE_INFINITY;
  test.each<readonly [what: string, written: Position, then: Position, together: Position]>([
    ['the later one', at(100), at(200), at(200)],
    ['the later one, though it became known before', at(200), at(100), at(200)],
    ['that on the later timeline, though it is shorter', at(500), at(450, 2), at(450, 2)],
    ['that on the later timeline, though it became known before', at(450, 2), at(500), at(450, 2)],
    ['not known, if the latest is not', at(100), at(anywhere), at(anywhere)],
    ['known again with the next one that is: it was asked for after both', at(anywhere), at(90), at(90)],
    ['known again on a later timeline', at(anywhere), at(90, 2), at(90, 2)],
    ['not known, if the next one is of an older timeline', at(anywhere, 2), at(90), at(anywhere, 2)],
    ['not known of two that are not', at(anywhere), at(anywhere, 2), at(anywhere, 2)],
  ])('of two writes is %s', async (_what, written, then, together) => {
    const session = newSession();
    noteWrite(session, Promise.resolve(written));
    noteWrite(session, Promise.resolve(then));
    await session.writing;
    expect(session.written).toEqual(together);
    expect(lacksPosition(session)).toBe(together.lsn === anywhere);
  });

  test('asks of other nodes what the primary had when the read ended', () => {
    const session = newSession();
    noteRead(session, read('replica1', 40, 50));
    expect(floorOf(session, trackOf([100, 0]))).toMatchObject({
      seen: undefined,
      seenOn: 'replica1',
      seenMs: 50,
    });
    expect(floorOf(session, trackOf([100, 0], [180, 60]))).toMatchObject({
      seen: at(180),
      seenOn: 'replica1',
    });
  });

  test('trusts no node after two reads at once on different ones', () => {
    const session = newSession();
    noteRead(session, read('replica1', 0, 100));
    // Chosen at 50, when nobody knew what replica1 would show.
    noteRead(session, read('replica2', 50, 120));
    expect(session.seen).toMatchObject({ node: null, atMs: 120 });
    noteRead(session, read('replica2', 130, 140));
    expect(session.seen).toMatchObject({ node: 'replica2', atMs: 140 });
  });

  test('after a promotion is all that is left of the older timeline', () => {
    const session = newSession();
    noteRead(session, read('replica1', 0, 50));
    const floor = floorOf(session, trackOf([100, 0], [90, 60, 2]));
    expect(floor).toMatchObject({ seen: { timeline: 1, lsn: Number.POSITIVE_INFINITY }, seenOn: null });
  });

  test('belongs to whatever runs inside it, and to nothing else', async () => {
    const session = newSession();
    await inSession(session, async () => {
      await Promise.resolve();
      expect(currentSession()).toBe(session);
    });
    expect(currentSession()).toBeUndefined();
  });
});

describe('a token', () => {
  const codec = createTokenCodec('a secret of 16 characters and more');
  const track = trackOf([100, 0], [200, 100]);

  test('carries what was written and seen to another instance, whose clock is another', async () => {
    const session = newSession();
    noteWrite(session, Promise.resolve(at(0x1_0000_00ab)));
    await session.writing;
    noteRead(session, read('replica2', 110, 120));
    const text = codec.encode(session, track) ?? '';
    expect(text).toMatch(/^1\.1:1\/AB\.replica2~5120~1\.[\w-]{22}$/);
    const there = codec.decode(text);
    expect(there?.written).toEqual(at(0x1_0000_00ab));
    const theirs = createPrimaryTrack();
    theirs.add({ position: at(300), sentMs: 900_000, serverMs: 5_119 });
    if (there === null) throw new Error('expected a session');
    expect(floorOf(there, theirs)).toMatchObject({ seen: undefined, seenOn: 'replica2' });
    theirs.add({ position: at(320), sentMs: 900_050, serverMs: 5_169 });
    expect(floorOf(there, theirs)).toMatchObject({ seen: at(320) });
    // 5120 of the server's clock was 49 ms before the latest sample.
    expect(floorOf(there, theirs)?.seenMs).toBe(900_001);
  });

  test('is nothing for a session that has done nothing', () => {
    expect(codec.encode(newSession(), track)).toBeNull();
  });

  test('says when only the primary will do', async () => {
    const session = newSession();
    noteWrite(session, Promise.resolve({ timeline: 3, lsn: Number.POSITIVE_INFINITY }));
    await session.writing;
    const text = codec.encode(session, track) ?? '';
    expect(codec.decode(text)?.written).toEqual({ timeline: 3, lsn: Number.POSITIVE_INFINITY });
  });

  test('of somebody else, or changed on the way, is none', async () => {
    const session = newSession();
    noteWrite(session, Promise.resolve(at(100)));
    await session.writing;
    const text = codec.encode(session, track) ?? '';
    const other = createTokenCodec('another secret of 16 characters');
    for (const bad of [
      '',
      '1',
      text.replace('1:0/64', '1:FFFF/0'),
      `${text}x`,
      other.encode(session, track) ?? '',
    ]) {
      expect(codec.decode(bad), bad).toBeNull();
    }
    expect(() => createTokenCodec('short')).toThrow(/at least 16/);
  });
});
