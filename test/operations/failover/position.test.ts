import { describe, expect, test } from 'vitest';
import type { DataKind } from '../../../bench/operations/actions/data-kind.ts';
import { lsnNumber, objections, positionOf } from '../../../bench/operations/failover/position.ts';
import { lastForkIn } from '../../../bench/operations/failover/rejoin.ts';
import { parseWalBeyond } from '../../../bench/operations/failover/wal-beyond.ts';
import type { ClusterView } from '../../../bench/operations/observe/observation.ts';
import { down, healthy, node, sender, server, view } from '../support/views.ts';

const at = (cluster: ClusterView, to: string, data: Readonly<Record<string, DataKind>> = {}) =>
  positionOf({ cluster, data: new Map(Object.entries(data)) }, to);

const promoted = (name: string, timeline = 2) =>
  node(name, { server: server('primary', { timeline, senders: [] }) });

describe('where a failover is', () => {
  test('at the beginning', () => {
    const position = at(healthy(), 'replica1');
    expect(position).toMatchObject({ promoted: false, old: { name: 'primary' } });
    expect(position.standbys.map(({ name }) => name)).toEqual(['replica2']);
    expect(objections(position)).toEqual([]);
  });

  test('the old primary was stopped, and nobody promoted yet', () => {
    const cluster = view([down('primary'), node('replica1'), node('replica2')]);
    const position = at(cluster, 'replica1', { primary: 'primary' });
    expect(position).toMatchObject({
      promoted: false,
      old: { name: 'primary' },
      away: [{ name: 'primary' }],
    });
  });

  test('promoted, the others not told yet', () => {
    const position = at(view([down('primary'), promoted('replica1'), node('replica2')]), 'replica1', {
      primary: 'primary',
    });
    expect(position).toMatchObject({ promoted: true, old: { name: 'primary' } });
    expect(objections(position)).toEqual([]);
  });

  test('promoted while the old primary lives', () => {
    const position = at(view([node('primary'), promoted('replica1'), node('replica2')]), 'replica1');
    expect(position).toMatchObject({ promoted: true, old: { name: 'primary', server: { role: 'primary' } } });
  });

  test.each<[DataKind]>([['standby'], ['none']])('cut off in a rejoin: its data is %s', (kind) => {
    const position = at(view([down('primary'), promoted('replica1'), node('replica2')]), 'replica1', {
      primary: kind,
    });
    expect(position).toMatchObject({ old: null, away: [{ name: 'primary' }] });
  });

  test('done', () => {
    const position = at(
      view([node('primary', { server: server('replica') }), promoted('replica1'), node('replica2')]),
      'replica1',
    );
    expect(position).toMatchObject({ promoted: true, old: null, away: [] });
  });

  test('a standby that runs and does not answer is left alone', () => {
    const hung = node('replica2', { server: null, problem: 'timeout' });
    expect(
      at(view([node('primary'), node('replica1'), hung]), 'replica1', { replica2: 'standby' }).away,
    ).toEqual([{ ...node('primary') }]);
  });
});

describe('a target that cannot take over', () => {
  test.each<[string, ClusterView, string, string]>([
    [
      'no such node',
      healthy(),
      'replica9',
      'there is no node "replica9"; this stack has primary, replica1, replica2',
    ],
    [
      'it does not answer',
      view([node('primary'), down('replica1'), node('replica2')]),
      'replica1',
      'replica1 cannot take over: its container is exited',
    ],
    [
      'an older primary',
      view([node('primary'), promoted('replica1')]),
      'primary',
      'primary accepts writes, but replica1 is primary on a later timeline',
    ],
  ])('%s', (_name, cluster, to, message) => {
    expect(() => at(cluster, to)).toThrow(message);
  });
});

describe('what would be lost', () => {
  test('a target that does not stream from the living primary', () => {
    const primary = node('primary', {
      server: server('primary', { lsn: '0/6000000', senders: [sender('replica2')] }),
    });
    expect(objections(at(view([primary, node('replica1'), node('replica2')]), 'replica1'))).toEqual([
      'replica1 does not stream from primary: it has WAL up to 0/5000000, primary up to 0/6000000 (16777216 bytes more)',
    ]);
  });

  test('a target behind another replica, when the primary is gone', () => {
    const ahead = node('replica2', { server: server('replica', { lsn: '0/5000148' }) });
    expect(
      objections(at(view([down('primary'), node('replica1'), ahead]), 'replica1', { primary: 'primary' })),
    ).toEqual(['replica2 has more: WAL up to 0/5000148, replica1 up to 0/5000000']);
  });

  test('behind another replica is evened out by an orderly stop', () => {
    const ahead = node('replica2', { server: server('replica', { lsn: '0/5000148' }) });
    expect(objections(at(view([node('primary'), node('replica1'), ahead]), 'replica1'))).toEqual([]);
  });

  test.each([
    ['no data\n', { records: 0, commits: 0, known: true }],
    ['standby\n', { records: 0, commits: 0, known: true }],
    [
      '5 2 pg_waldump: error: error in WAL record at 0/5028: invalid record length\n',
      { records: 5, commits: 2, known: true },
    ],
    [
      '0 0 pg_waldump: error: could not find a valid record after 0/5028\n',
      { records: 0, commits: 0, known: true },
    ],
    [
      '0 0 pg_waldump: error: could not find file "000000010000000000000006": No such file\n',
      { records: 0, commits: 0, known: true },
    ],
    ['0 0 bash: pg_waldump: command not found\n', { records: 0, commits: 0, known: false }],
  ])('pg_waldump: %j', (output, expected) => {
    expect(parseWalBeyond(output)).toEqual(expected);
  });

  test('what is no answer is an error', () => {
    expect(() => parseWalBeyond('Segmentation fault')).toThrow('something unexpected: Segmentation fault');
  });
});

test('positions are compared as numbers, also above 4 GB', () => {
  expect(lsnNumber('1/0') > lsnNumber('0/FFFFFFFF')).toBe(true);
  expect(lsnNumber('0/A') - lsnNumber('0/9')).toBe(1n);
  expect(lsnNumber(null)).toBe(0n);
});

test('the position at which a timeline parted is in the last line of its history', () => {
  expect(
    lastForkIn('1\t0/5000148\tno recovery target specified\n\n2\t0/70003A8\tno recovery target specified\n'),
  ).toBe('0/70003A8');
  expect(lastForkIn('')).toBeNull();
});
