import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApplication } from '../../../src/app/application.ts';
import { replaceableParts } from '../../../src/app/injection/inject.ts';
import { createMetrics } from '../../../src/app/metrics.ts';
import { readDatabaseConfiguration } from '../../../src/db/configuration.ts';
import { openDatabase } from '../../../src/db/connection.ts';
import { freePort } from '../../support/postgres.ts';
import { spawnApp } from '../../support/sample-app.ts';

let url: string;
let counted = 0;
const undo = new AsyncDisposableStack();

beforeAll(async () => {
  // Nobody listens there: what is counted happens before any query.
  const configuration = readDatabaseConfiguration({
    ...{
      DB_HOST: '127.0.0.1',
      DB_PORT: String(await freePort()),
      DB_NAME: 'x',
      DB_USER: 'x',
      DB_PASSWORD: 'x',
    },
  });
  const database = undo.use(openDatabase(configuration));
  const parts = {
    ...replaceableParts(null),
    beforeRequests: (_request: unknown, _response: unknown, next: () => void) => {
      counted += 1;
      next();
    },
  };
  const application = createApplication(database, null, createMetrics(), () => undefined, parts);
  const server = createServer(application).listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(() => undo.disposeAsync());

test('requests of users are made dearer, those of operators are not', async () => {
  for (const path of ['/healthz', '/metrics', '/readyz']) await (await fetch(url + path)).text();
  expect(counted).toBe(0);
  for (const path of ['/users/7', '/contacts?q=marta', '/teams/2/dashboard'])
    await (await fetch(url + path)).text();
  expect(counted).toBe(3);
});

test('without an injection nothing stands before a request, and with one it is the busy loop', () => {
  expect(replaceableParts(null).beforeRequests).toBeNull();
  expect(replaceableParts({ kind: 'n-plus-one' }).beforeRequests).toBeNull();
  expect(replaceableParts({ kind: 'busy-loop', ms: 1 }).beforeRequests).toBeTypeOf('function');
});

test('a value that is refused ends the start with one line, before anything is touched', async () => {
  await using app = await spawnApp({ INJECT: 'pool-of-2' });
  expect(await app.ended).toEqual([1, null]);
  expect(app.output().stderr).toBe(
    '[App] INJECT is "pool-of-2": use busy-loop:<ms>, dropped-index, dropped-index:<index>, n-plus-one or pool-of-1, or leave it unset\n',
  );
});
