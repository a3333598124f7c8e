import { join } from 'node:path';
import { startLinks } from '../faults/links.ts';
import { streamFrom } from '../faults/replay.ts';
import { startGenerator } from '../load/generator.ts';
import type {
  Arm,
  Calibration,
  Fingerprint,
  GateRecord,
  GateRules,
  JournalEntry,
  RunPlan,
  Scenario,
  SliceKind,
  SliceParts,
  TopologyName,
} from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { machineFacts, postgresSettings } from '../probes/fingerprint.ts';
import type { ApplicationDefinition } from './application-definition.ts';
import type { ExternalTarget } from './external-target.ts';
import { observedJournal, openJournal } from './journal.ts';
import { openBuilds } from './open-builds.ts';
import { blockOrder } from './order.ts';
import type { Emit, ExperimentPorts, Step } from './ports.ts';
import { startProbes } from './probe-set.ts';
import { type RunEnd, run } from './run.ts';
import { createRunFolder, newRunId } from './run-folder.ts';

export interface ExperimentOptions {
  readonly topology: TopologyName;
  readonly scenario: Scenario;
  /** Where an external topology is. */
  readonly external?: ExternalTarget | undefined;
  readonly application: ApplicationDefinition;
  /** Of arms whose application is another one, by the arm's name: each prepares a data set of its own. */
  readonly builds?: ReadonlyMap<string, ApplicationDefinition> | undefined;
  readonly arms: readonly Arm[];
  readonly blocks: number;
  readonly sliceSeconds: number;
  readonly warmUpSeconds: number;
  readonly calibrationSeconds: number;
  readonly seed: number;
  /** Size of the largest arm that quotas are divided for, also when that arm is not measured now. */
  readonly maxReplicas: number;
  /** Cores per node; `auto` = 0.4 x cores / nodes of the largest arm. */
  readonly nodeCpus: number | 'auto';
  readonly limits: 'auto' | 'none';
  readonly reportsRoot: string;
  /** Where the nodes' data goes; default: the system's temporary folder. */
  readonly dataParent?: string | undefined;
  /** The calibration of an earlier run, if the plan that has come about may be compared with its. */
  readonly reuseCalibration?: ((plan: RunPlan) => Calibration | undefined) | undefined;
  /** The command line, as a reader would type it. */
  readonly command: string;
  readonly harnessVersion: string;
  readonly emit: Emit;
  /** Slices of each visit; default: all that the scenario has. */
  readonly slices?: readonly SliceKind[] | undefined;
  /** Parts of each slice, alternating between the arms; default: one arm after the other. */
  readonly parts?: SliceParts | undefined;
  /**
   * What decides when the run is a gate, and what is known of gates on machines like this one; the first arm is
   * the reference. Asked before anything is measured, and may throw.
   */
  readonly gate?: ((fingerprint: Fingerprint) => GateTerms) | undefined;
  /** Told everything that goes into the journal. */
  readonly observe?: ((entry: JournalEntry) => void) | undefined;
  /** Asked after each block: whether it may be the last, although the plan has more. */
  readonly enough?: (() => boolean) | undefined;
  readonly signal: AbortSignal;
}

export interface GateTerms {
  readonly rules: GateRules;
  readonly record?: GateRecord | undefined;
}

export interface ExperimentEnd {
  readonly folder: string;
  readonly end: RunEnd;
  /** What went wrong while everything was taken down; the run itself is not touched by it. */
  readonly cleanUpFailure?: unknown;
}

/**
 * Sets everything up, runs the plan, takes everything down.
 * @throws EnvironmentError when setting up fails; afterwards the end of the run is a value
 */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentEnd> {
  let reached: ExperimentEnd | undefined;
  try {
    await measure(options, (end) => {
      reached = end;
    });
  } catch (error) {
    if (reached === undefined) throw error;
    return { ...reached, cleanUpFailure: error };
  }
  if (reached === undefined) throw new Error('the experiment ended without an end');
  return reached;
}

async function measure(options: ExperimentOptions, ended: (end: ExperimentEnd) => void): Promise<void> {
  const { scenario, signal } = options;
  const runId = newRunId();
  const setUpSteps: Step[] = [];
  const onStep = (step: Step): void => {
    setUpSteps.push(step);
    options.emit({ kind: 'step', step });
  };
  await using builds = await openBuilds(options, runId, onStep);
  const { topology } = builds;
  await using generator = await startGenerator({ signal });
  const ports: ExperimentPorts = {
    topology,
    application: builds.application,
    generator,
    startProbes,
    describeServer: async (primary) => (await postgresSettings(primary)).postgresSettings,
    clock: monotonicMs,
    startLinks,
    streamFrom,
  };
  const fingerprint: Fingerprint = {
    ...(await machineFacts(topology.dataDir)),
    postgres: topology.postgresVersion,
    // Known once a node of the first visit runs; the journal says it then.
    postgresSettings: {},
    harnessVersion: options.harnessVersion,
  };
  const terms = options.gate?.(fingerprint);
  const plan: RunPlan = {
    schemaVersion: 1,
    runId,
    startedAt: new Date().toISOString(),
    command: options.command,
    seed: options.seed,
    scenario,
    arms: options.arms,
    blocks: options.blocks,
    sliceSeconds: options.sliceSeconds,
    order: blockOrder(options.arms, options.blocks, options.seed),
    nodeCpus: topology.nodeCpus,
    limitMethod: topology.limitMethod,
    interleaved: options.arms.length > 1,
    application: builds.application.name,
    fingerprint,
    ...(options.slices === undefined ? {} : { slices: options.slices }),
    ...(options.parts === undefined ? {} : { parts: options.parts }),
    ...(terms === undefined ? {} : { gate: terms.rules }),
    ...(terms?.record === undefined ? {} : { gateRecord: terms.record }),
  };
  const folder = await createRunFolder(options.reportsRoot, plan);
  await using file = await openJournal(join(folder, 'journal.ndjson'));
  const journal = observedJournal(file, options.observe);
  for (const step of setUpSteps) journal.append({ type: 'step', atMs: monotonicMs(), ...step });
  const calibration = options.reuseCalibration?.(plan);
  const end = await run({ ...options, plan, ports, journal, calibration });
  ended({ folder, end });
}
