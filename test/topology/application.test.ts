import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { EnvironmentError } from '../../bench/model.ts';
import {
  type ApplicationOptions,
  type RunningApplication,
  startApplication,
} from '../../bench/topology/application.ts';
import { freePort } from '../../bench/topology/free-port.ts';
import { type Guardian, startGuardian } from '../../bench/topology/guardian.ts';
import { leftoversOf, processesOf } from './support/leftovers.ts';

const runId = randomBytes(4).toString('hex');
let guardian: Guardian;
const running: RunningApplication[] = [];

beforeAll(async () => {
  guardian = await startGuardian({ runId });
});
afterEach(async () => {
  for (const application of running.splice(0)) await application[Symbol.asyncDispose]();
  expect(leftoversOf(runId).filter((left) => !left.includes('guardian-process'))).toEqual([]);
});
afterAll(() => guardian[Symbol.asyncDispose]());

const server = (then = '') => `
  const { createServer } = require('node:http');
  let asked = 0;
  createServer((request, response) => {
    response.statusCode = request.url === '/ready' && ++asked < 3 ? 503 : 200;
    if (request.url === '/quit') console.error('out of ideas'), process.exit(7);
    response.end(process.env.GREETING);
  }).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
  ${then}`;

test('waits until the application says that it is ready, and ends it', async () => {
  const application = await start([process.execPath, '-e', server()], { env: { GREETING: 'hello' } });
  expect(await (await fetch(`${application.baseUrl}/`)).text()).toBe('hello');
  expect(application.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const { pid } = application;
  await application[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('a command line may start the application through a shell, and what it leaves behind is ended too', async () => {
  const script = server().replaceAll('\n', ' ');
  const application = await start(`sleep 600 & "${process.execPath}" -e "${script}"; true`);
  expect(processesOf(runId).some((line) => line.includes('sleep 600'))).toBe(true);
  await application[Symbol.asyncDispose]();
  expect(processesOf(runId).filter((line) => !line.includes('guardian-process'))).toEqual([]);
});

test('an application that does not stop when asked is stopped', async () => {
  const application = await start([process.execPath, '-e', server("process.on('SIGTERM', () => {});")]);
  await application[Symbol.asyncDispose]();
  expect(() => process.kill(application.pid, 0)).toThrow('ESRCH');
});

test('an application that ends during the measurement is a loss, with its last words', async () => {
  const application = await start([process.execPath, '-e', server()]);
  await expect(fetch(`${application.baseUrl}/quit`)).rejects.toThrow();
  const loss = await application.lost;
  expect(loss.node).toBe('app');
  expect(loss.reason).toContain('exit code 7');
  expect(loss.reason).toContain('out of ideas');
});

test('an application that ends before it is ready: what it wrote, and how it ended', async () => {
  const error = await failure(
    start([process.execPath, '-e', "console.error('no database'); process.exit(4)"]),
  );
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(error.message).toContain('exit code 4');
  expect(error.message).toContain('no database');
});

test('an application that never becomes ready: what it last answered', async () => {
  const never = server().replace('++asked < 3', 'true');
  const error = await failure(start([process.execPath, '-e', never], { readyTimeoutMs: 1500 }));
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(error.message).toMatch(/not ready at \S+\/ready within 1500 ms \(it answered 503\)/);
  expect(error.message).toContain('listening');
});

test('a command that does not exist', async () => {
  const error = await failure(start(['no-such-program']));
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(error.message).toContain('no-such-program');
});

test('a port in use is said before anything is started', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const error = await failure(start([process.execPath, '-e', server()], { port }));
  other.close();
  expect(error).toBeInstanceOf(EnvironmentError);
  expect(error.message).toContain(`port ${port} is in use`);
});

test('stops waiting when the run is interrupted', async () => {
  const interrupt = new AbortController();
  const starting = start(['/bin/sleep', '600'], { signal: interrupt.signal });
  interrupt.abort(new Error('Ctrl-C'));
  expect((await failure(starting)).message).toBe('Ctrl-C');
});

async function start(
  command: ApplicationOptions['command'],
  options: Partial<ApplicationOptions> = {},
): Promise<RunningApplication> {
  const port = options.port ?? (await freePort());
  const application = await startApplication({
    command,
    cwd: '/',
    readyUrl: `http://127.0.0.1:${port}/ready`,
    guardian,
    readyTimeoutMs: 20_000,
    signal: new AbortController().signal,
    ...options,
    port,
    env: { PORT: `${port}`, ...options.env },
  });
  running.push(application);
  return application;
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw error;
  return error;
}
