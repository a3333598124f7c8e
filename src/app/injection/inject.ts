/** What an injected fault changes in the application: everything else does not know of it. */
import type { RequestHandler } from 'express';
import type { DatabaseConfiguration } from '../../db/configuration.ts';
import { dropIndex } from '../../db/drop-index.ts';
import {
  type ReadLatestInteractions,
  readLatestInteractions,
  readLatestInteractionsOneByOne,
} from '../../db/latest-interactions.ts';
import { busyLoop } from './busy-loop.ts';
import type { Injection } from './configuration.ts';

/** The parts of the application that an injection replaces. */
export interface Replaceable {
  /** Runs before every request but an operator's; null = nothing does. */
  readonly beforeRequests: RequestHandler | null;
  readonly readLatestInteractions: ReadLatestInteractions;
}

export function replaceableParts(injection: Injection | null): Replaceable {
  return {
    beforeRequests: injection?.kind === 'busy-loop' ? busyLoop(injection.ms) : null,
    readLatestInteractions:
      injection?.kind === 'n-plus-one' ? readLatestInteractionsOneByOne : readLatestInteractions,
  };
}

/**
 * What has to be done before the database is opened: drops the index, or makes the pools small. Resolves to the
 * configuration to open it with. `report` gets one line that says what was done. Errors are pg's own.
 */
export async function injectIntoDatabase(
  injection: Injection | null,
  configuration: DatabaseConfiguration,
  report: (line: string) => void,
): Promise<DatabaseConfiguration> {
  if (injection === null) return configuration;
  switch (injection.kind) {
    case 'busy-loop':
      report(`INJECT: every request costs ${injection.ms} ms of CPU more`);
      return configuration;
    case 'dropped-index': {
      const dropped = await dropIndex(configuration, injection.index);
      report(`INJECT: the index ${injection.index} ${dropped ? 'is dropped' : 'was not there already'}`);
      return configuration;
    }
    case 'n-plus-one':
      report('INJECT: the conversations of an agent are read one by one');
      return configuration;
    case 'pool-of-1':
      report('INJECT: each pool has one connection');
      return { ...configuration, pool: { ...configuration.pool, max: 1 } };
  }
}
