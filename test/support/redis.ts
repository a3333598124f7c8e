/** A real Redis for tests. Those that need one say so when there is none, instead of failing or passing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { freePort } from './postgres.ts';

const executable = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'redis-server'))
  .find(existsSync);

/** REPLIBENCH_NO_REDIS: why whoever runs the tests cannot use the one that is there. */
const told = process.env['REPLIBENCH_NO_REDIS'];
const reason = told ? ` (skipped: ${told})` : executable === undefined ? ' (skipped: no redis-server)' : '';

/** `describe` for what needs a real Redis. */
export function describeWithRedis(title: string, body: () => void): void {
  describe.skipIf(reason !== '')(`${title}${reason}`, body);
}

export interface RealRedis extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
}

/** Starts an empty server on a free port of 127.0.0.1. */
export async function startRedis(): Promise<RealRedis> {
  if (executable === undefined) throw new Error('there is no redis-server');
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'replibench-test-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const child = spawn(
    executable,
    [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--daemonize', 'no'],
      ...['--save', '', '--appendonly', 'no'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'close');
  undo.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('Ready to accept connections')) resolve();
    });
  });
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error(`Redis did not start: ${log}`);
    }),
  ]);
  const lifetime = undo.move();
  return { host: '127.0.0.1', port, [Symbol.asyncDispose]: () => lifetime.disposeAsync() };
}
