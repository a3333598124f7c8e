import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import {
  createDrill,
  type DrillNode,
  describeFault,
  type FaultChange,
  linksOf,
} from '../../bench/faults/drill.ts';
import type { Links } from '../../bench/faults/links.ts';
import { EnvironmentError, type Fault, type NodeAddress } from '../../bench/model.ts';
import { monotonicMs } from '../../bench/monotonic-clock.ts';

const addresses = ['primary', 'replica1', 'replica2'].map(
  (name): NodeAddress => ({
    ...{ name, role: name === 'primary' ? 'primary' : 'replica', host: '127.0.0.1', port: 1 },
    ...{ database: 'd', user: 'u', password: 'p' },
  }),
);

function drillOf(faults: readonly Fault[], fails?: string, seconds = 0.1) {
  const done: string[] = [];
  const held = new Map<string, Promise<void>>();
  const act = (node: string, what: string) => async () => {
    if (what === fails) throw new Error('it does not');
    await held.get(`${node} ${what}`);
    done.push(`${node} ${what}`);
  };
  /** Lets that act take until the returned function is called. */
  const hold = (name: string): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.set(name, promise);
    return resolve;
  };
  const nodes: readonly DrillNode[] = addresses.map((address) => ({
    address,
    stop: act(address.name, 'stop'),
    kill: act(address.name, 'kill'),
    start: act(address.name, 'start'),
    pause: act(address.name, 'pause'),
    resume: act(address.name, 'resume'),
  }));
  const links: Links = {
    ...{
      pid: 1,
      ports: {},
      lost: new Promise(() => undefined),
      [Symbol.asyncDispose]: async () => undefined,
    },
    set: async (link, { mode, delayMs }) => {
      done.push(`${link} ${mode} ${delayMs}`);
    },
  };
  const told: string[] = [];
  const onChange = ({ index, fault, node, phase }: FaultChange): void => {
    told.push(`${index} ${node} ${fault} ${phase}`);
  };
  return { drill: createDrill({ faults, nodes, links, seconds, onChange }), done, told, hold };
}

describe('a drill', () => {
  test('begins with the slice what is to be on from its first request, and mends it at the end', async () => {
    const { drill, done, told } = drillOf([{ kind: 'pause', node: 'replicas', from: 0 }]);
    await drill.prepare();
    expect(done).toEqual(['replica1 pause', 'replica2 pause']);
    const running = drill.run();
    await drill.end();
    await running;
    expect(done.slice(2)).toEqual(['replica1 resume', 'replica2 resume']);
    expect(told).toEqual([
      '0 replica1 pause begin',
      '0 replica2 pause begin',
      '0 replica1 pause end',
      '0 replica2 pause end',
    ]);
  });

  test('tells each of its faults by its number, however alike they are', async () => {
    const faults: readonly Fault[] = [
      { kind: 'pause', node: 'replica1', from: 0, to: 0.1 },
      { kind: 'pause', node: 'replica1', from: 0.5 },
    ];
    const { drill, told } = drillOf(faults);
    await drill.prepare();
    const running = drill.run();
    await vi.waitFor(() => expect(told).toHaveLength(3));
    await drill.end();
    await running;
    expect(told).toEqual([
      '0 replica1 pause begin',
      '0 replica1 pause end',
      '1 replica1 pause begin',
      '1 replica1 pause end',
    ]);
  });

  test('mends at its time, however long the breaking took', async () => {
    const { drill, done, told, hold } = drillOf(
      [{ kind: 'kill', node: 'replica1', from: 0.1, to: 0.5 }],
      undefined,
      2,
    );
    const killed = hold('replica1 kill');
    await drill.prepare();
    const startedAtMs = monotonicMs();
    const running = drill.run();
    await vi.waitFor(() => expect(told).toHaveLength(1));
    await delay(600);
    killed();
    await vi.waitFor(() => expect(done).toContain('replica1 start'), { timeout: 5_000, interval: 10 });
    const mendedAfterMs = monotonicMs() - startedAtMs;
    // Half of two seconds; from when the node was down it would be at 1.6 s.
    expect(mendedAfterMs).toBeGreaterThan(990);
    expect(mendedAfterMs).toBeLessThan(1_500);
    await drill.end();
    await running;
  });

  test('breaks and mends in the middle', async () => {
    const { drill, done } = drillOf([{ kind: 'kill', node: 'replica1', from: 0.2, to: 0.6 }]);
    await drill.prepare();
    expect(done).toEqual([]);
    const running = drill.run();
    await vi.waitFor(() => expect(done).toEqual(['replica1 kill', 'replica1 start']));
    await drill.end();
    await running;
    expect(done).toHaveLength(2);
  });

  test('does nothing of what had not begun at the end', async () => {
    const { drill, done } = drillOf([{ kind: 'stop', node: 'primary', from: 1 }]);
    await drill.prepare();
    const running = drill.run();
    await drill.end();
    await running;
    expect(done).toEqual([]);
  });

  test('makes links bad and well again', async () => {
    const { drill, done } = drillOf([
      { kind: 'link-delay', node: 'replica2', link: 'app', delayMs: 30, from: 0 },
    ]);
    await drill.prepare();
    await drill.end();
    expect(done).toEqual(['app:replica2 open 30', 'app:replica2 open 0']);
  });

  test('waits at its end for what is under way, and mends it then', async () => {
    const { drill, done, hold } = drillOf([{ kind: 'stop', node: 'primary', from: 0 }]);
    const stopped = hold('primary stop');
    const prepared = drill.prepare();
    const ending = drill.end();
    await Promise.resolve();
    expect(done).toEqual([]);
    stopped();
    await Promise.all([prepared, ending]);
    expect(done).toEqual(['primary stop', 'primary start']);
  });

  test('says which fault could not be made', async () => {
    const { drill } = drillOf([{ kind: 'kill', node: 'replica1', from: 0.01 }], 'kill');
    await drill.prepare();
    const running = drill.run();
    await expect(running).rejects.toThrow(EnvironmentError);
    await expect(running).rejects.toThrow('kill on replica1: it does not');
    await drill.end();
  });
});

describe('links', () => {
  const faults: readonly Fault[] = [
    { kind: 'link-delay', node: 'replica1', link: 'app', delayMs: 5, from: 0 },
    { kind: 'link-cut', node: 'replicas', link: 'app', from: 0.5 },
    { kind: 'kill', node: 'primary', from: 0 },
  ];
  const throttled: Fault = {
    ...{ kind: 'link-throttle', node: 'replica2', link: 'wal', bytesPerSecond: 10, from: 0 },
  };

  test('are of every node once one needs one, and in every arm: all bear what a link costs', () => {
    expect(linksOf(faults, addresses)).toEqual(['app:primary', 'app:replica1', 'app:replica2']);
    // An arm of the primary alone has no such fault, and is what the others are compared with.
    expect(linksOf(faults, addresses.slice(0, 1))).toEqual(['app:primary']);
  });

  test('of the log are of replicas alone', () => {
    expect(linksOf([throttled], addresses)).toEqual(['wal:replica1', 'wal:replica2']);
    expect(linksOf([throttled], addresses.slice(0, 1))).toEqual([]);
    expect(linksOf([...faults, throttled], addresses)).toEqual([
      ...['app:primary', 'app:replica1', 'app:replica2', 'wal:replica1', 'wal:replica2'],
    ]);
  });

  test('are none where faults are of nodes', () => {
    expect(linksOf([{ kind: 'kill', node: 'replicas', from: 0 }], addresses)).toEqual([]);
  });

  test('are named with what is done to them', () => {
    expect([...faults, throttled].map(describeFault)).toEqual([
      'link-delay of app 5 ms',
      'link-cut of app',
      'kill',
      'link-throttle of wal 10 B/s',
    ]);
  });
});
