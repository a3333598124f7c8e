import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../model.ts';
import type { ReplibenchConfig } from './config.ts';
import { describeFaults } from './scenario-schema.ts';
import { loadUserModule } from './user-module.ts';

const fileNames = ['ts', 'mts', 'js', 'mjs'].map((extension) => `replibench.config.${extension}`);

const environment = z.custom<(...given: never[]) => unknown>((value) => typeof value === 'function', {
  message: 'must be a function of the connections that returns environment variables',
});

const schema = z.strictObject({
  app: z.strictObject({
    name: z.string().min(1).optional(),
    command: z.string().min(1),
    cwd: z.string().optional(),
    env: environment,
    ready: z.string().startsWith('/', 'must be a path that starts with /'),
    metrics: z.string().startsWith('/', 'must be a path that starts with /').optional(),
    port: z.int().min(1).max(65_535).optional(),
    readyTimeoutMs: z.number().positive().optional(),
  }),
  prepare: z
    .union([
      z.strictObject({
        command: z.string().min(1),
        cwd: z.string().optional(),
        env: environment.optional(),
      }),
      z.strictObject({ sql: z.string().min(1) }),
    ])
    .optional(),
  scenario: z.union([z.string().min(1), z.looseObject({})]).optional(),
});

export interface LoadedConfig {
  readonly config: ReplibenchConfig;
  /** Folder of the file: what its relative paths are relative to. */
  readonly folder: string;
  readonly path: string;
}

/**
 * Reads the configuration named by `--config`, or the nearest `replibench.config.*` upwards from
 * `workingFolder`. Undefined when there is none: the sample application is measured.
 * @throws UsageError with file, field and value
 */
export async function loadConfig(
  explicit: string | undefined,
  workingFolder: string,
): Promise<LoadedConfig | undefined> {
  const path = explicit === undefined ? findUpwards(workingFolder) : resolve(workingFolder, explicit);
  if (path === undefined) return undefined;
  const loaded = await loadUserModule(path, 'configuration file');
  const parsed = schema.safeParse(loaded);
  if (!parsed.success) {
    const faults = describeFaults(parsed.error, loaded).map((fault) => `  ${fault}`);
    throw new UsageError(`${path} is not a valid configuration:\n${faults.join('\n')}`);
  }
  return { config: loaded as ReplibenchConfig, folder: dirname(path), path };
}

function findUpwards(folder: string): string | undefined {
  for (const name of fileNames) {
    const path = join(folder, name);
    if (existsSync(path)) return path;
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : findUpwards(parent);
}
