import { describe, expect, test } from 'vitest';
import { diagnose } from '../../../bench/operations/doctor/diagnose.ts';
import type { Case, NodeClues } from '../../../bench/operations/doctor/problem.ts';
import type { ClusterView, NodeView } from '../../../bench/operations/observe/observation.ts';
import { app, container, down, healthy, node, sender, server, slot, view } from '../support/views.ts';

const noClues: NodeClues = { log: [], link: null, throttledShare: null };

function seen(clues: Readonly<Record<string, Partial<NodeClues>>> = {}, changes: Partial<Case> = {}): Case {
  return {
    clues: new Map(Object.entries(clues).map(([name, one]) => [name, { ...noClues, ...one }])),
    lag: new Map(),
    leaderMark: 'primary',
    network: 'test_database',
    balancer: { state: 'healthy', healthy: true },
    ...changes,
  };
}

/** `kind subject mend` of everything found. */
function found(cluster: ClusterView, what: Case = seen()): readonly string[] {
  return diagnose(cluster, what).map(({ kind, subject, mend }) => `${kind} ${subject} ${mend ?? '-'}`);
}

/** A healthy cluster but for replica1, which the primary does not stream to. */
function lonely(changes: Partial<NodeView> = {}, primaryChanges: object = {}): ClusterView {
  const primary = node('primary', {
    server: server('primary', { senders: [sender('replica2')], ...primaryChanges }),
  });
  const replica = node('replica1', { server: server('replica', { receiver: null }), ...changes });
  return view([primary, replica, node('replica2')], healthy().apps);
}

test('a healthy cluster has no problem', () => {
  expect(found(healthy())).toEqual([]);
});

describe('a replica does not connect', () => {
  test.each<[string, ClusterView, Case, string]>([
    [
      'container stopped',
      view([node('primary'), down('replica1'), node('replica2')]),
      seen(),
      'container-down replica1 start',
    ],
    [
      'container paused',
      view([node('primary'), down('replica1', { state: 'paused' }), node('replica2')]),
      seen(),
      'container-down replica1 start',
    ],
    [
      'no container',
      view([node('primary'), down('replica1', { state: 'missing', containerId: null }), node('replica2')]),
      seen(),
      'container-down replica1 start',
    ],
    [
      'off the network',
      lonely({
        container: container('postgres-replica1', { networks: [] }),
        server: null,
        problem: 'connect ECONNREFUSED',
      }),
      seen(),
      'network-detached replica1 attach',
    ],
    ['does not answer', lonely({ server: null, problem: 'timeout' }), seen(), 'no-answer replica1 -'],
    [
      'wrong password',
      lonely(),
      seen({
        replica1: {
          link: { connects: false, said: 'FATAL:  password authentication failed for user "replicator"' },
        },
      }),
      'replicator-refused replica1 restore-replicator',
    ],
    [
      'no such role',
      lonely(),
      seen({ replica1: { link: { connects: false, said: 'FATAL:  role "replicator" does not exist' } } }),
      'replicator-refused replica1 restore-replicator',
    ],
    [
      'may not replicate',
      lonely(),
      seen({
        replica1: { link: { connects: false, said: 'FATAL:  permission denied to start WAL sender' } },
      }),
      'replicator-refused replica1 restore-replicator',
    ],
    [
      'pg_hba.conf',
      lonely(),
      seen({
        replica1: {
          link: {
            connects: false,
            said: 'FATAL:  no pg_hba.conf entry for replication connection from host "172.18.0.4"',
          },
        },
      }),
      'hba-refused replica1 allow-replication',
    ],
    [
      'pg_hba.conf rejects',
      lonely(),
      seen({
        replica1: {
          link: { connects: false, said: 'FATAL:  pg_hba.conf rejects replication connection for host' },
        },
      }),
      'hba-refused replica1 allow-replication',
    ],
    [
      'slot missing',
      lonely({}, { slots: [slot('replica2')] }),
      seen({ replica1: { link: { connects: true, said: '' } } }),
      'slot-missing replica1 make-slot',
    ],
    [
      'another upstream',
      lonely({ server: server('replica', { receiver: null, upstreamHost: 'postgres-replica2' }) }),
      seen(),
      'wrong-upstream replica1 repoint',
    ],
    [
      'nothing to be seen',
      lonely(),
      seen({ replica1: { link: { connects: true, said: '' } } }),
      'follows-nobody replica1 -',
    ],
    [
      'catching up',
      lonely({ server: server('replica') }, { senders: [sender('replica1', 'catchup'), sender('replica2')] }),
      seen(),
      'follows-nobody replica1 -',
    ],
  ])('%s', (_name, cluster, what, expected) => {
    expect(found(cluster, what)).toContain(expected);
    expect(found(cluster, what).filter((one) => one.includes('replica1'))).toHaveLength(1);
  });
});

test('a replica that lost its connection while replay is paused makes no new one', () => {
  const cluster = lonely(
    { server: server('replica', { receiver: null, replayPause: 'paused' }) },
    { slots: [slot('replica2')] },
  );
  expect(found(cluster)).toEqual(['replay-paused replica1 resume-replay']);
});

describe('a replica cannot go on from where it is', () => {
  const log = (line: string) => seen({ replica1: { log: [line], link: { connects: true, said: '' } } });
  test.each<[string, ClusterView, Case, string]>([
    [
      'slot lost',
      lonely({}, { slots: [slot('replica1', { active: false, walStatus: 'lost' }), slot('replica2')] }),
      seen(),
      'wal-gone replica1 rebuild',
    ],
    [
      'WAL removed',
      lonely(),
      log(
        'FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 000000010000000000000003 has already been removed',
      ),
      'wal-gone replica1 rebuild',
    ],
    [
      'slot given up',
      lonely(),
      log('FATAL:  could not start WAL streaming: ERROR:  can no longer access replication slot "replica1"'),
      'wal-gone replica1 rebuild',
    ],
    [
      'ahead of the primary',
      lonely({ server: server('replica', { receiver: null, timeline: 2 }) }),
      seen(),
      'diverged replica1 rebuild',
    ],
    [
      'forked',
      lonely(),
      log(
        'LOG:  new timeline 2 forked off current database system timeline 1 before current recovery point 0/5000148',
      ),
      'diverged replica1 rebuild',
    ],
    [
      'another cluster',
      lonely({ server: server('replica', { receiver: null, systemIdentifier: '9' }) }),
      seen(),
      'foreign-data replica1 -',
    ],
    [
      'refused: another cluster',
      lonely({
        server: null,
        problem: 'x',
        container: container('postgres-replica1', { state: 'restarting' }),
      }),
      log("[replica1] REFUSED to start: this node's data is of cluster 1, this stack is cluster 2"),
      'foreign-data replica1 -',
    ],
  ])('%s', (_name, cluster, what, expected) => {
    expect(found(cluster, what)).toEqual([expected]);
  });
});

describe('a replica lags', () => {
  const high = new Map([['replica1', { high: true, sentence: 'replica1 21 MB, more than 5.9 s behind' }]]);
  const replica = (changes: object) =>
    view([node('primary'), node('replica1', { server: server('replica', changes) }), node('replica2')]);
  test.each<[string, object, Case, string]>([
    ['replay paused, lag or not', { replayPause: 'paused' }, seen(), 'replay-paused replica1 resume-replay'],
    ['delayed on purpose', { applyDelayMs: 60_000 }, seen(), 'apply-delay replica1 -'],
    [
      'a query holds replay',
      {
        replayWait: 'RecoveryConflictSnapshot',
        oldestTransaction: { pid: 4711, applicationName: 'report', ageMs: 12_000 },
      },
      seen({}, { lag: high }),
      'replay-conflict replica1 -',
    ],
    ['CPU quota', {}, seen({ replica1: { throttledShare: 0.9 } }, { lag: high }), 'cpu-limited replica1 -'],
    ['nothing of it', {}, seen({ replica1: { throttledShare: 0.1 } }, { lag: high }), 'lag-high replica1 -'],
  ])('%s', (_name, changes, what, expected) => {
    expect(found(replica(changes), what)).toEqual([expected]);
  });

  test('the holder of replay is named', () => {
    const oldestTransaction = { pid: 4711, applicationName: 'report', ageMs: 12_000 };
    const cluster = replica({ replayWait: 'RecoveryConflictSnapshot', oldestTransaction });
    const [problem] = diagnose(cluster, seen({}, { lag: high }));
    expect(problem?.evidence).toContain('oldest transaction: pid 4711 (report), 12.0 s');
    expect(problem?.advice).toContain('pg_cancel_backend(4711)');
  });
});

describe('the application does not use the replicas', () => {
  const withApp = (changes: object) => view(healthy().nodes, [app('app1'), app('app2', changes)]);
  test.each<[string, ClusterView, string]>([
    ['no replica hosts', withApp({ replicaHosts: [] }), 'app-single-host app2 point-applications'],
    ['primary-only routing', withApp({ routing: 'primary-only' }), 'app-single-host app2 point-applications'],
    [
      'another primary',
      withApp({ primaryHost: 'postgres-replica1' }),
      'app-wrong-hosts app2 point-applications',
    ],
    [
      'the primary among the replicas',
      withApp({ replicaHosts: ['postgres-primary', 'postgres-replica1'] }),
      'app-wrong-hosts app2 point-applications',
    ],
    [
      'a replica forgotten',
      withApp({ replicaHosts: ['postgres-replica2'] }),
      'app-wrong-hosts app2 point-applications',
    ],
    ['stopped', withApp({ container: container('app2', { state: 'exited' }) }), 'app-down app2 start'],
    ['unhealthy', withApp({ container: container('app2', { health: 'unhealthy' }) }), 'app-unhealthy app2 -'],
  ])('%s', (_name, cluster, expected) => {
    expect(found(cluster)).toEqual([expected]);
  });

  test('a replica that is away for a moment is no fault of the application', () => {
    const cluster = view(
      [
        node('primary', { server: server('primary', { senders: [sender('replica2')] }) }),
        down('replica1'),
        node('replica2'),
      ],
      healthy().apps,
    );
    expect(found(cluster)).toEqual(['container-down replica1 start']);
  });

  test('nginx', () => {
    expect(found(healthy(), seen({}, { balancer: { state: 'exited', healthy: false } }))).toEqual([
      'balancer-down nginx start',
    ]);
  });
});

describe('primaries', () => {
  const promoted = node('replica1', {
    server: server('primary', { timeline: 2, senders: [sender('replica2')] }),
  });
  const follower = node('replica2', {
    server: server('replica', { timeline: 2, upstreamHost: 'postgres-replica1' }),
  });

  test('two of them: the older one is never touched', () => {
    const cluster = view([node('primary'), promoted, follower]);
    expect(found(cluster, seen({}, { leaderMark: 'replica1' }))).toEqual(['two-primaries primary -']);
  });

  test('the old one that was kept from starting may rejoin', () => {
    const line =
      '[primary] REFUSED to start: this node was a primary (timeline 1), but replica1 was promoted after it. Rejoin it';
    const what = seen({ primary: { log: [line] } }, { leaderMark: 'replica1' });
    expect(found(view([down('primary', { state: 'restarting' }), promoted, follower]), what)).toEqual([
      'old-primary primary rejoin',
    ]);
  });

  test('a failover that was begun and not finished', () => {
    expect(found(healthy(), seen({}, { leaderMark: 'replica2' }))).toEqual(['half-failover primary -']);
  });

  test('none: the stopped one is started when nobody was promoted', () => {
    const cluster = view([down('primary'), node('replica1'), node('replica2')]);
    expect(found(cluster)).toEqual(['container-down primary start']);
  });

  test('none, and the mark names a standby: a person decides', () => {
    const ahead = node('replica2', { server: server('replica', { receiver: null, lsn: '1/0' }) });
    const cluster = view([
      down('primary'),
      node('replica1', { server: server('replica', { receiver: null }) }),
      ahead,
    ]);
    const problems = diagnose(cluster, seen({}, { leaderMark: 'replica1' }));
    const [first] = problems;
    expect(first).toMatchObject({ kind: 'no-primary', mend: null });
    expect(first?.advice).toContain('replibench failover --to replica2');
  });
});

test('evidence, reason and advice are said for every problem', () => {
  const [problem] = diagnose(
    view([node('primary'), down('replica1'), node('replica2')]),
    seen({ replica1: { log: ['a', 'b', 'c', 'd'] } }),
  );
  expect(problem).toEqual({
    kind: 'container-down',
    subject: 'replica1',
    summary: 'its container is exited (exit code 137)',
    evidence: ['log: b', 'log: c', 'log: d'],
    why: expect.stringContaining('serves no reads'),
    advice: 'replibench doctor --fix, or docker compose up -d postgres-replica1',
    mend: 'start',
  });
});
