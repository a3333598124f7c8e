import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

test('docs/sample-application.md names every variable that the application reads', () => {
  const page = readFileSync(join(root, 'docs/sample-application.md'), 'utf8');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'src', file), 'utf8'));
  // Keys of the zod objects that parse the environment.
  const variables = sources.flatMap((text) =>
    [...text.matchAll(/^ {2}((?:APP|CACHE|DB|HOST|INJECT|PORT|REDIS)[A-Z_]*): /gm)].map(
      (match) => match[1] ?? '',
    ),
  );
  expect(variables).toContain('REDIS_URL');
  expect(variables.length).toBeGreaterThan(20);
  for (const variable of variables) {
    expect(page, variable).toContain(`\`${variable}\``);
  }
});
