import { expect, test } from 'vitest';
import { renderStatus } from '../../bench/operations/status/render.ts';
import { statusOf } from '../../bench/operations/status/status.ts';
import { app, down, node, sender, server, slot, view } from './support/views.ts';

const at = new Date('2026-01-02T03:04:05Z');
const reading = (subject: string, values: Readonly<Record<string, number>>) =>
  [subject, { atMs: 0, probe: 'lag', subject, values }] as const;

test('one table of nodes in every state, and of the applications', () => {
  const slots = [
    slot('replica1'),
    slot('replica2', { active: false, walStatus: 'lost', retainedBytes: null }),
  ];
  const primary = node('primary', {
    server: server('primary', { senders: [sender('replica1')], slots, connections: 12 }),
  });
  const paused = node('replica1', {
    server: server('replica', { replayPause: 'paused', replayLsn: '0/4000000', conflicts: 4 }),
  });
  const apps = [app('app1'), app('app2', { replicaHosts: [] }), app('app3', { routing: 'primary-only' })];
  const lag = new Map([reading('replica1', { lagBytes: 16 * 1024 * 1024, lagLowerMs: 12_000 })]);
  const status = statusOf(view([primary, paused, down('replica2')], apps), lag, at);
  expect(renderStatus(status)).toBe(`\
node      role     state                     tl  sent       replayed   lag    behind    slot                         conflicts  connections
primary   primary  accepts writes            1   0/5000000  –          –      –         –                            –          12 of 100
replica1  replica  streaming, replay paused  1   0/5000000  0/4000000  16 MB  > 12.0 s  active, reserved, holds 0 B  4          3 of 100
replica2  –        exited                    –   –          –          –      –         inactive, lost               –          –

app   state    writes to  reads from
app1  healthy  primary    replica1, replica2
app2  healthy  primary    single host mode
app3  healthy  primary    single host mode`);
});

test('after a promotion beside a living primary the higher timeline is the primary', () => {
  const promoted = node('replica1', { server: server('primary', { timeline: 2, senders: [], slots: [] }) });
  const status = statusOf(view([node('primary'), promoted]), new Map(), at);
  expect(status.primary).toBe('replica1');
  expect(status.nodes.map(({ state }) => state)).toEqual(['SECOND PRIMARY', 'accepts writes']);
});

test('no figure is made up for what was not seen', () => {
  const [replica] = statusOf(view([down('replica1')]), new Map(), at).nodes;
  const { lagBytes, lagMs, timeline, conflicts, slot: kept } = replica ?? {};
  expect({ lagBytes, lagMs, timeline, conflicts, kept }).toEqual({
    lagBytes: null,
    lagMs: null,
    timeline: null,
    conflicts: null,
    kept: null,
  });
});
