import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const files = ['docker-compose.yml', 'docker-compose.replication.yml', 'docker/compose/services.yml'];
/** Read from the surroundings, not set by who deploys. */
const surroundings = ['COMPOSE_PROJECT_NAME', 'NODE_EXTRA_CA_CERTS'];

it('names every variable of the compose files in .env.example, with the same default', async () => {
  const example = await readFile('.env.example', 'utf8');
  const documented = new Map(
    [...example.matchAll(/^#?([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  const used = new Set<string>();
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    for (const [, name = '', form, value] of text.matchAll(/\$\{([A-Z0-9_]+)(:?-|:\?)?([^${}]*)/g)) {
      if (surroundings.includes(name)) continue;
      used.add(name);
      expect(documented.has(name), `${name} of ${file}`).toBe(true);
      // An empty one is described in words.
      const isDefault = form !== undefined && form !== ':?' && documented.get(name) !== '';
      if (isDefault) expect(documented.get(name), name).toBe(value);
    }
  }
  // Compose reads its own variables without being asked.
  const unused = [...documented.keys()].filter(
    (name = '') => !used.has(name) && !name.startsWith('COMPOSE_'),
  );
  expect(unused).toEqual([]);
});

it('has a value for no password', async () => {
  const example = await readFile('.env.example', 'utf8');
  const passwords = [...example.matchAll(/^([A-Z_]*PASSWORD)=(.*)$/gm)];
  expect(passwords).toHaveLength(4);
  for (const [, name, value] of passwords) expect(value, name).toBe('');
});
