import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../model.ts';

/**
 * Writes a commented `replibench.config.ts` into a folder. Never overwrites.
 * @returns the path written
 * @throws UsageError when there is one already
 */
export async function writeStarterConfig(folder: string): Promise<string> {
  const path = join(folder, 'replibench.config.ts');
  try {
    await writeFile(path, starter, { flag: 'wx' });
  } catch (cause) {
    const taken = Reflect.get(Object(cause), 'code') === 'EEXIST';
    throw new UsageError(
      taken ? `${path} exists already; it was left as it is` : `${path} cannot be written`,
      {
        cause,
      },
    );
  }
  return path;
}

const starter = `import { defineConfig } from 'replibench';

export default defineConfig({
  app: {
    // Starts your application in the foreground. It is started anew for every arm of every block.
    command: 'node server.js',
    // cwd: '.',

    // Tell your application where the cluster is, in the words it already understands.
    // \`replicas\` is empty in the primary-only arm. Each node has url, host, port, database, user, password.
    env: ({ primary, replicas, appPort }) => ({
      PORT: String(appPort),
      DATABASE_URL: primary.url,
      DATABASE_READ_URLS: replicas.map((replica) => replica.url).join(','),
    }),

    // A path that answers 2xx once the application can serve requests.
    ready: '/healthz',

    // Prometheus metrics, if there are any: event-loop delay and GC of the application in the report.
    // metrics: '/metrics',

    // Only for an application that cannot be told its port.
    // port: 3000,
  },

  // Makes tables and rows on the empty primary; every block starts from a copy of the result.
  prepare: { command: 'npm run migrate && npm run seed' },
  // prepare: { sql: './schema.sql' },

  // What your users do. A path, a built-in name, or the scenario itself as here.
  scenario: {
    name: 'my-application',
    description: 'Nine look-ups for each order.',
    readShare: 0.9,
    operations: [
      // Let answers to reads carry the header \`x-db-node: primary|replica1|...\` to see reads per node.
      { name: 'item', class: 'read', weight: 80, method: 'GET', path: '/items/{item}' },
      { name: 'items', class: 'read', weight: 20, method: 'GET', path: '/items?limit=50' },
      { name: 'order', class: 'write', weight: 1, method: 'POST', path: '/orders', body: { item: '{item}' } },
    ],
    keys: { item: { kind: 'zipf', min: 1, max: 10_000, exponent: 0.8 } },
    // Your own names and numbers; \`prepare\` gets them as DATA_SEED and DATA_ITEMS.
    data: { seed: 42, items: 10_000 },
    load: { arrivals: 'poisson', steadyShare: 0.7, saturationConnections: 32, timeoutMs: 5_000 },
    defaults: { blocks: 7, sliceSeconds: 3 },
    objectives: [{ metric: 'errors.ratio', max: 0.01 }],
  },
});
`;
