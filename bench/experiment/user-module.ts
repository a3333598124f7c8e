import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../model.ts';

/**
 * Loads the default export of somebody's TypeScript, JavaScript or JSON file.
 * @throws UsageError naming the file when it is missing, does not parse, or exports nothing.
 */
export async function loadUserModule(path: string, what: string): Promise<unknown> {
  if (!existsSync(path)) throw new UsageError(`${what} not found: ${path}`);
  try {
    if (extname(path) === '.json') return JSON.parse(await readFile(path, 'utf8'));
    const loaded: { default?: unknown } = await import(pathToFileURL(path).href);
    if (loaded.default === undefined) throw new Error('it has no default export');
    return loaded.default;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const unsupported = Reflect.get(Object(cause), 'code') === 'ERR_UNKNOWN_FILE_EXTENSION';
    const hint = unsupported ? '; TypeScript files need Node 22.18 or newer, use .mjs or .json instead' : '';
    throw new UsageError(`${what} ${path} cannot be loaded: ${reason}${hint}`, { cause });
  }
}
