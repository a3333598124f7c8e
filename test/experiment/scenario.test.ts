import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  configuredApplication,
  inheritedEnvironment,
  untoldOf,
} from '../../bench/experiment/application-definition.ts';
import { loadConfig } from '../../bench/experiment/config-file.ts';
import { builtInScenarios, loadScenario } from '../../bench/experiment/scenario-file.ts';
import { type Arm, UsageError } from '../../bench/model.ts';
import readHeavy from '../../scenarios/read-heavy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replibench test '));
});
afterEach(() => rm(folder, { recursive: true }));

async function errorOf(work: Promise<unknown>): Promise<UsageError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof UsageError)) throw new Error(`expected a UsageError, got ${error}`);
  return error;
}

async function scenarioFile(content: object): Promise<string> {
  const path = join(folder, 'mine.json');
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe('built-in scenarios', () => {
  test('are the ones that the documentation names, and each is valid', async () => {
    expect(builtInScenarios()).toEqual([
      'mixed',
      'read-heavy',
      'read-your-writes',
      'replica-loss',
      'replicas-gone',
      'soak',
      'spike',
      'timeline',
      'write-heavy',
    ]);
    for (const name of builtInScenarios()) expect((await loadScenario(name, folder)).name).toBe(name);
  });

  test('an unknown name lists those there are', async () => {
    expect((await errorOf(loadScenario('read-hevy', folder))).message).toContain(
      '"read-hevy"; there are mixed, read-heavy',
    );
  });
});

describe("somebody's own file", () => {
  test('is loaded by a path relative to the folder', async () => {
    await scenarioFile({ ...readHeavy, name: 'mine' });
    expect((await loadScenario('./mine.json', folder)).name).toBe('mine');
  });

  test('may offer more than one node can do', async () => {
    await scenarioFile({ ...readHeavy, load: { ...readHeavy.load, steadyShare: 1.5 } });
    expect((await loadScenario('./mine.json', folder)).load.steadyShare).toBe(1.5);
  });

  test('TypeScript is loaded as it is', async () => {
    await writeFile(
      join(folder, 'mine.ts'),
      `export default ${JSON.stringify({ ...readHeavy, name: 'typed' })} as object;`,
    );
    expect((await loadScenario('./mine.ts', folder)).name).toBe('typed');
  });

  test.each([
    ['a share above one', { readShare: 1.5 }, 'readShare', '1.5'],
    ['a field that nobody knows', { reedShare: 1 }, 'reedShare', ''],
    [
      'a weight of zero',
      { operations: [{ ...readHeavy.operations[0], weight: 0 }] },
      'operations.0.weight',
      '0',
    ],
    ['a placeholder without a key', { keys: {} }, 'operations.0.path', '/users/{userId}'],
    [
      'a rate of more than four nodes',
      { load: { ...readHeavy.load, steadyShare: 5 } },
      'load.steadyShare',
      '5',
    ],
    [
      'faults that overlap',
      {
        faults: [
          { kind: 'kill', node: 'replica1', from: 0.1, to: 0.5 },
          { kind: 'pause', node: 'replicas', from: 0.4 },
        ],
      },
      'faults.1.from: kill on replica1 and pause on replicas overlap',
      '0.4',
    ],
    ['no write operation', { operations: [readHeavy.operations[0]] }, 'operations', 'class write'],
    [
      'bounds upside down',
      { keys: { ...readHeavy.keys, userId: { kind: 'uniform', min: 9, max: 1 } } },
      'keys.userId.min',
      '9',
    ],
    [
      'an objective without a bound',
      { objectives: [{ metric: 'read.qps' }] },
      'objectives.0',
      'max or a min',
    ],
    [
      'a profile that is too short',
      { load: { ...readHeavy.load, profile: [{ share: 0.5, from: 1, to: 1 }] } },
      'load.profile',
      '0.5',
    ],
  ])('%s is refused with file, field and value', async (_, fault, field, value) => {
    const path = await scenarioFile({ ...readHeavy, ...fault });
    const { message } = await errorOf(loadScenario(path, folder));
    expect(message).toContain(path);
    expect(message).toContain(field);
    expect(message).toContain(value);
  });

  test('a file that is not there and one that does not parse are named', async () => {
    expect((await errorOf(loadScenario('./none.ts', folder))).message).toContain(join(folder, 'none.ts'));
    await writeFile(join(folder, 'broken.json'), '{');
    expect((await errorOf(loadScenario('./broken.json', folder))).message).toContain(
      'broken.json cannot be loaded',
    );
  });
});

describe('the configuration file', () => {
  test('is found upwards from the working folder, and absent when there is none', async () => {
    expect(await loadConfig(undefined, folder)).toBeUndefined();
    const path = join(folder, 'replibench.config.mjs');
    await writeFile(path, `export default { app: { command: 'node a.js', env: () => ({}), ready: '/' } };`);
    expect((await loadConfig(undefined, folder))?.path).toBe(path);
    expect((await loadConfig('replibench.config.mjs', folder))?.folder).toBe(folder);
  });

  test.each([
    [`{ app: { env: () => ({}), ready: '/' } }`, 'app.command'],
    [`{ app: { command: 'x', env: {}, ready: '/' } }`, 'app.env'],
    [`{ app: { command: 'x', env: () => ({}), ready: 'healthz' } }`, 'app.ready'],
    [`{ app: { command: 'x', env: () => ({}), ready: '/', port: 99999 } }`, 'app.port'],
    [`{ app: { command: 'x', env: () => ({}), ready: '/' }, prepare: { sqll: 'a' } }`, 'prepare'],
    [`{ application: {} }`, 'app'],
  ])('%s is refused naming %s', async (text, field) => {
    const path = join(folder, 'replibench.config.mjs');
    await writeFile(path, `export default ${text};`);
    const { message } = await errorOf(loadConfig(path, folder));
    expect(message).toContain(path);
    expect(message).toContain(field);
  });

  test('a missing one that was asked for is an error', async () => {
    expect((await errorOf(loadConfig('none.ts', folder))).message).toContain('configuration file not found');
  });
});

describe("what somebody's environment function returns", () => {
  const configure = async (env: string) => {
    const path = join(folder, 'replibench.config.mjs');
    await writeFile(path, `export default { app: { command: 'x', env: ${env}, ready: '/' } };`);
    const loaded = await loadConfig(path, folder);
    if (loaded === undefined) throw new Error('expected a configuration');
    return loaded;
  };

  test.each([
    ['() => { throw new Error("boom"); }', 'app.env threw: boom'],
    ['() => 42', 'must return an object of environment variables (got 42)'],
    ['async () => ({})', 'must not be async'],
    ['({ appPort }) => ({ PORT: appPort })', 'PORT is 3000'],
    ['({ replicas }) => ({ READ: replicas[0].url })', 'app.env threw'],
  ])('%s is refused before anything is started', async (env, message) => {
    const loaded = await configure(env);
    expect(() => configuredApplication(loaded)).toThrow(UsageError);
    expect(() => configuredApplication(loaded)).toThrow(message);
  });

  test('strings are taken, and variables that name another database are withheld', async () => {
    const application = configuredApplication(
      await configure('({ primary }) => ({ DATABASE_URL: primary.url })'),
    );
    process.env['PGHOST'] = 'production.example';
    try {
      expect(inheritedEnvironment(application)['PGHOST']).toBeUndefined();
      expect(inheritedEnvironment(application)['PATH']).toBe(process.env['PATH']);
    } finally {
      delete process.env['PGHOST'];
    }
  });

  test.each([
    ['({ primary, replicas }) => ({ NODES: String(replicas.length) })', 'routing'],
    ['({ routing }) => ({ ROUTING: routing })', 'DB_SESSIONS'],
    ['({ routing, settings }) => ({ ROUTING: routing, S: settings.DB_SESSIONS ?? "" })', 'DB_MAX_LAG_MS'],
    ['({ routing, settings }) => ({ ROUTING: routing, ...settings })', null],
    // Whatever differs each time may be told or not; nobody can know.
    ['() => ({ SECRET: String(Math.random()) })', null],
  ])('%s leaves untold: %s', async (env, untold) => {
    const settings = { DB_SESSIONS: 'header', DB_MAX_LAG_MS: '50' };
    const arm: Arm = {
      name: 'balanced+ryw+lag:50ms',
      topology: 'embedded',
      replicas: 2,
      routing: 'balanced',
    };
    const application = configuredApplication(await configure(env));
    expect(untoldOf(application, { ...arm, settings })).toBe(untold);
    // Sequelize's own replication and a single node need to be told of nothing but nodes.
    expect(untoldOf(application, { ...arm, routing: 'native' })).toBeNull();
    expect(untoldOf(application, { ...arm, routing: 'primary-only', replicas: 0 })).toBeNull();
  });
});
