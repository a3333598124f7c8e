/** Child process of benchmarks: commits at a steady rate until its parent is gone. Arguments: address as JSON, rate. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const [address = '{}', rateHz = '100'] = process.argv.slice(2);
const client = new Client(JSON.parse(address));
await client.connect();
await client.query('CREATE TABLE IF NOT EXISTS written (at timestamptz DEFAULT now())');
process.on('disconnect', () => process.exit());
process.send?.('ready');
for (let dueMs = performance.now(); ; dueMs += 1_000 / Number(rateHz)) {
  const aheadMs = dueMs - performance.now();
  if (aheadMs > 0) await delay(aheadMs);
  await client.query('INSERT INTO written DEFAULT VALUES');
}
