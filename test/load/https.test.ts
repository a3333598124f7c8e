import { readFileSync } from 'node:fs';
import https from 'node:https';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { startGenerator } from '../../bench/load/generator.ts';
import { closedStream, openStream, outcomes, plan, totals } from './plans.ts';
import { listen } from './target-server.ts';

/** Self-signed, for localhost alone, valid until 2126; `openssl req -x509` made it. */
const certificate = new URL('./certificates/localhost.pem', import.meta.url);
const key = new URL('./certificates/localhost-key.pem', import.meta.url);
const { signal } = new AbortController();

afterEach(() => {
  vi.unstubAllEnvs();
});

test('https with a trusted certificate, open and closed', async () => {
  vi.stubEnv('NODE_EXTRA_CA_CERTS', fileURLToPath(certificate));
  await using server = await serveHttps();
  await using generator = await startGenerator({ signal });
  for (const stream of [openStream(50, 500), closedStream(2, 200)]) {
    const result = await generator.run(plan(server.url, { streams: [stream] }), { signal });
    const { outcomes: seen } = totals(result);
    expect(seen.ok).toBeGreaterThan(0);
    expect(seen).toEqual(outcomes({ ok: seen.ok }));
  }
});

test('a certificate that nobody vouches for is a connection error', async () => {
  await using server = await serveHttps();
  await using generator = await startGenerator({ signal });
  const result = await generator.run(plan(server.url, { streams: [openStream(50, 200)] }), { signal });
  expect(totals(result).outcomes).toEqual(outcomes({ 'connection-error': 10 }));
});

async function serveHttps(): ReturnType<typeof listen> {
  const options = { cert: readFileSync(certificate), key: readFileSync(key) };
  const server = await listen(https.createServer(options, (_request, response) => response.end('ok')));
  return { ...server, url: server.url.replace('http://127.0.0.1', 'https://localhost') };
}
