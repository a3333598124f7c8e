import { readdirSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Scenario, UsageError } from '../model.ts';
import { parseScenario } from './scenario-schema.ts';
import { loadUserModule } from './user-module.ts';

const builtInFolder = fileURLToPath(new URL('../../scenarios/', import.meta.url));
/** `.ts` in the repository, `.js` in the published package. */
const builtInExtension = extname(fileURLToPath(import.meta.url));

/** Names of the scenarios that come with the package. */
export function builtInScenarios(): readonly string[] {
  return readdirSync(builtInFolder)
    .filter((file) => file.endsWith(builtInExtension) && !file.endsWith('.d.ts'))
    .map((file) => file.slice(0, -builtInExtension.length))
    .sort();
}

/**
 * Finds a scenario by built-in name or by path.
 * @param folder what a relative path is relative to
 * @throws UsageError with file, field and value of every fault
 */
export async function loadScenario(nameOrPath: string, folder: string): Promise<Scenario> {
  const names = builtInScenarios();
  if (names.includes(nameOrPath)) return readScenario(resolve(builtInFolder, nameOrPath + builtInExtension));
  if (!/[./\\]/.test(nameOrPath)) {
    throw new UsageError(
      `no scenario is called "${nameOrPath}"; there are ${names.join(', ')}, or give the path of a file`,
    );
  }
  return readScenario(resolve(folder, nameOrPath));
}

/** Checks a scenario that did not come from a file of its own. */
export function checkScenario(input: unknown, source: string): Scenario {
  const result = parseScenario(input);
  if ('scenario' in result) return result.scenario;
  throw new UsageError(
    `${source} is not a valid scenario:\n${result.faults.map((f) => `  ${f}`).join('\n')}`,
  );
}

async function readScenario(path: string): Promise<Scenario> {
  return checkScenario(await loadUserModule(path, 'scenario file'), path);
}
