import { describe, expect, test } from 'vitest';
import type { NodeRun } from '../../bench/experiment/ports.ts';
import { startProbes } from '../../bench/experiment/probe-set.ts';
import type { CpuSource, Reading } from '../../bench/model.ts';
import { startShell } from '../probes/shell.ts';

const nothing = async (): Promise<void> => undefined;

describe.runIf(process.platform === 'linux')('a node without a cgroup', () => {
  test('that was started again is measured on: its CPU is that of its present process', async () => {
    const busy = async (turns: number) => {
      const shell = await startShell(`burn ${turns}; echo burnt; read end`);
      await shell.line('burnt');
      return shell;
    };
    await using first = await busy(200_000);
    await using second = await busy(600_000);
    let { pid } = first;
    const primary: NodeRun = {
      address: {
        ...{ name: 'primary', role: 'primary', host: '127.0.0.1', port: 1 },
        ...{ database: 'none', user: 'nobody', password: 'none' },
      },
      get cpu(): CpuSource {
        return { kind: 'process-tree', pid };
      },
      ...{ stop: nothing, kill: nothing, pause: nothing, resume: nothing },
    };
    const readings: Reading[] = [];
    await using probes = startProbes({
      nodes: [primary],
      application: {
        ...{ baseUrl: 'http://127.0.0.1:1', parts: [], lost: new Promise(() => undefined) },
        [Symbol.asyncDispose]: nothing,
      },
      generatorPid: process.pid,
      isWanted: () => false,
      onReadings: (more) => readings.push(...more),
      // There is no server to ask.
      onError: () => undefined,
      signal: new AbortController().signal,
    });
    const cpuMs = async (): Promise<number> => {
      await probes.sampleNow();
      const last = readings.findLast(({ probe, subject }) => probe === 'cpu' && subject === 'primary');
      return last?.values['cpuMs'] ?? Number.NaN;
    };
    const before = await cpuMs();
    expect(before).toBeGreaterThan(0);
    pid = second.pid;
    // Both together: a counter never falls, and what the second process did is not lost.
    expect(await cpuMs()).toBeGreaterThan(before * 2);
  });
});
