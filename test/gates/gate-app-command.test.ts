/** A gate of an application that nobody has configured: a command, and where it answers. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalEntry } from '../../bench/model.ts';
import { freePort } from '../../bench/topology/free-port.ts';
import { leftoversWithin, nothing, onlyRun, runCli } from '../support/cli.ts';
import { checkouts, flags, openShop, readResult, type Shop } from './shop.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
  await writeFile(
    join(shop.repository, 'scenario.js'),
    "import config from './replibench.config.js';\nexport default config.scenario;\n",
  );
  // So wide that equal builds pass on any machine.
  const cpu = { minEffect: 0.4, tolerance: 0.9 };
  const left = Object.fromEntries(['read.qps', 'read.p95Ms', 'write.p95Ms'].map((name) => [name, false]));
  await writeFile(
    join(shop.repository, 'replibench.gate.json'),
    JSON.stringify({ metrics: { ...left, 'app.cpuMsPerRequest': cpu }, looks: [6], guards: [] }),
  );
  shop.git('add', '-A');
  shop.git('commit', '-qm', 'a scenario of its own');
  await shop.change('const app = express();', 'const app = express(); // the same, said in other words');
});
afterEach(() => shop[Symbol.asyncDispose]());

const command = [
  '--app-command',
  'DATA_BOOKS=500 node migrate.js && exec node server.js',
  '--ready-path',
  '/up',
];
const gate = (...more: string[]) =>
  runCli(flags(shop.reports, '--against', 'HEAD', '--scenario', 'scenario.js', ...command, ...more), {
    cwd: shop.repository,
  });

/** Arms of the measured steady slices, in the order of their time. */
async function steadyParts(): Promise<readonly string[]> {
  const journal = await readFile(join(await onlyRun(shop.reports), 'journal.ndjson'), 'utf8');
  return journal.split('\n').flatMap((line) => {
    const entry: JournalEntry | undefined = line === '' ? undefined : JSON.parse(line);
    return entry?.type === 'slice-end' && entry.kind === 'steady' ? [entry.arm] : [];
  });
}

test('told its port, both builds run side by side, and equal ones pass', async () => {
  const { code, output } = await gate();
  const result = await readResult(await onlyRun(shop.reports));
  expect(result.gate, output).toMatchObject({ verdict: 'pass', looks: [{ blocks: 6 }] });
  expect(output).toContain('PASS: The candidate passes after 6 blocks.');
  expect(code).toBe(0);
  const order = await steadyParts();
  expect(order).toHaveLength(2 * 4 * 6);
  // AB BA: the second and the third part are of the same arm.
  const [first, second, third, fourth] = order;
  expect([third, fourth]).toEqual([second, first]);
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
  expect(checkouts()).toBe('');
});

test('with a port of its own, the builds run one after the other there', async () => {
  const port = await freePort();
  const { code, output } = await gate('--base-url', `http://127.0.0.1:${port}`);
  const result = await readResult(await onlyRun(shop.reports));
  expect(result.gate, output).toMatchObject({ verdict: 'pass', looks: [{ blocks: 6 }] });
  expect(code).toBe(0);
  expect(await steadyParts()).toHaveLength(2 * 6);
  expect(await leftoversWithin(0, result.runId)).toEqual(nothing);
});
