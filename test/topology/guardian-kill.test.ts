import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { leftoversAfter, leftoversOf, sharedMemoryOf, stillShared } from './support/leftovers.ts';

const program = fileURLToPath(new URL('./support/harness.ts', import.meta.url));

describe.runIf(process.platform === 'linux')('a harness killed with SIGKILL leaves nothing', () => {
  // Each kill falls into the work that follows the named event, at a random moment of it.
  test.each([
    ['the start of the process', 300],
    ['guardian', 60],
    ['find binaries', 800],
    ['initdb', 200],
    ['stop template', 150],
    ['copy template', 150],
    ['start primary', 250],
  ])('after %s', async (event, withinMs) => {
    const runId = randomBytes(4).toString('hex');
    const harness = startHarness({ runId, replicas: 1 });
    if (event !== 'the start of the process') await said(harness, event);
    const delayMs = randomInt(withinMs);
    await sleep(delayMs);
    harness.kill('SIGKILL');
    expect(
      await leftoversAfter(() => leftoversOf(runId), 5000),
      `killed ${delayMs} ms after ${event}`,
    ).toEqual([]);
  });

  test('not even the shared memory of its servers, and although Ctrl-C and kill reached the guardian', async () => {
    const runId = randomBytes(4).toString('hex');
    const harness = startHarness({ runId, replicas: 1 });
    const guardian = await said(harness, 'guardian');
    const running = await said(harness, 'running');
    const memory = sharedMemoryOf(runId);
    // A System V segment and at least one file of the primary, and of the replica.
    expect(memory.length).toBeGreaterThanOrEqual(4);
    // Dies alone, before the harness: nobody is left who maps its memory when the guardian looks.
    process.kill(Number(running['replica']), 'SIGKILL');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.kill(Number(guardian['pid']), signal);
    harness.kill('SIGKILL');
    expect(await leftoversAfter(() => leftoversOf(runId), 5000)).toEqual([]);
    expect(stillShared(memory)).toEqual([]);
  });
});

function startHarness(options: object): ChildProcess {
  return spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function said(harness: ChildProcess, name: string): Promise<Record<string, unknown>> {
  if (harness.stdout === null) throw new Error('the harness has no stdout');
  const ended = once(harness, 'exit').then(([code]) => {
    throw new Error(`the harness ended with ${code} before "${name}"`);
  });
  const heard = new Promise<Record<string, unknown>>((resolve) => {
    const lines = createInterface({ input: harness.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const event = JSON.parse(line);
      if (event.name === name) resolve(event);
    });
  });
  return Promise.race([heard, ended]);
}
