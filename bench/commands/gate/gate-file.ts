/** `replibench.gate.json`: what a repository wants its gate to test, over the defaults. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { defaultGateRules } from '../../analysis/gate/default-rules.ts';
import { describeFaults } from '../../experiment/scenario-schema.ts';
import { type GatedMetric, type GateRules, type MetricId, metricIds, UsageError } from '../../model.ts';
import { gateFileSchema } from './gate-file-schema.ts';

export const gateFileName = 'replibench.gate.json';

/** What the file may say beside the rules. */
export interface GateFile {
  readonly rules: GateRules;
  /** Built-in name, or path relative to the file. */
  readonly scenario: string | undefined;
  readonly against: string | undefined;
  /** The pinned build of `gate record` and `--history`. */
  readonly anchor: string | undefined;
}

const nothing = { scenario: undefined, against: undefined, anchor: undefined };

/**
 * Reads the file that `--gate-file` names, or the one at the repository's root; the defaults when there is none.
 * @throws UsageError with file, field and value
 */
export async function loadGateFile(
  explicit: string | undefined,
  workingFolder: string,
  repository: string,
): Promise<GateFile> {
  const path = explicit === undefined ? join(repository, gateFileName) : resolve(workingFolder, explicit);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (explicit === undefined && cause.code === 'ENOENT') return null;
    throw new UsageError(`${path} cannot be read: ${cause.message}`, { cause });
  });
  if (text === null) return { rules: defaultGateRules, ...nothing };
  const given = parse(path, text);
  const rules = {
    metrics: mergeMetrics(given.metrics ?? {}),
    guards: given.guards ?? defaultGateRules.guards,
    looks: given.looks ?? defaultGateRules.looks,
    alpha: given.alpha ?? defaultGateRules.alpha,
  };
  if (rules.metrics.length === 0) throw new UsageError(`${path}: metrics: at least one must be gated`);
  refusePowerless(rules, path);
  return { rules, scenario: given.scenario, against: given.against, anchor: given.anchor };
}

/** With few blocks not even all of them worse is unlikely enough, once it is corrected for metrics and looks. */
function refusePowerless({ metrics, looks, alpha }: GateRules, path: string): void {
  const last = Math.max(...looks);
  const fewest = Math.ceil(Math.log2((metrics.length * looks.length) / alpha));
  if (last >= fewest) return;
  throw new UsageError(
    `${path}: looks: after ${last} blocks no metric could fail, whatever was measured:` +
      ` ${metrics.length} metrics and ${looks.length === 1 ? 'one look' : `${looks.length} looks`} at alpha ${alpha} need at least ${fewest} blocks`,
  );
}

function parse(path: string, text: string): z.infer<typeof gateFileSchema> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${path} is not JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  const parsed = gateFileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const faults = describeFaults(parsed.error, content).map((fault) => `  ${fault}`);
  throw new UsageError(`${path} is not a valid gate file:\n${faults.join('\n')}`);
}

/** `false` takes a metric out of the gate; one that the defaults do not have must be given whole. */
function mergeMetrics(given: NonNullable<z.infer<typeof gateFileSchema>['metrics']>): readonly GatedMetric[] {
  const defaults = new Map(defaultGateRules.metrics.map((gated) => [gated.metric, gated]));
  const order = metricIds.filter((metric) => defaults.has(metric) || given[metric] !== undefined);
  return order.flatMap((metric: MetricId) => {
    const asked = given[metric];
    if (asked === false) return [];
    const merged = { metric, ...defaults.get(metric), ...asked };
    const { minEffect, tolerance } = merged;
    if (minEffect === undefined || tolerance === undefined) {
      throw new UsageError(
        `${gateFileName}: metrics.${metric} is not gated by default: give minEffect and tolerance`,
      );
    }
    if (minEffect >= tolerance) {
      throw new UsageError(
        `${gateFileName}: metrics.${metric}: minEffect (${minEffect}) must be below tolerance (${tolerance})`,
      );
    }
    return [{ metric, minEffect, tolerance }];
  });
}
