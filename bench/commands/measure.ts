import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import { createJournalFold } from '../analysis/fold.ts';
import { gateDecided } from '../analysis/gate/decided.ts';
import type { RunView } from '../analysis/run-view.ts';
import {
  type ApplicationDefinition,
  configuredApplication,
  sampleApplication,
} from '../experiment/application-definition.ts';
import { type LoadedConfig, loadConfig } from '../experiment/config-file.ts';
import { type ExperimentEnd, type ExperimentOptions, runExperiment } from '../experiment/experiment.ts';
import {
  type ExternalTarget,
  externalTarget,
  refuseExternalFlags,
  replicaUrls,
} from '../experiment/external-target.ts';
import { checkReportsRoot } from '../experiment/run-folder.ts';
import { checkScenario, loadScenario } from '../experiment/scenario-file.ts';
import { slicesOf } from '../experiment/slices.ts';
import {
  type Arm,
  type Calibration,
  type JournalEntry,
  type RunPlan,
  type RunResult,
  type Scenario,
  type SliceKind,
  type SliceParts,
  type TopologyName,
  UsageError,
} from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { refuseUnknownNodes } from './faults.ts';
import { showLive, type Watch } from './live/show-live.ts';
import { createProgress } from './progress.ts';
import { analyseRun, writeReport } from './report-files.ts';

const quick = { blocks: 2, sliceSeconds: 1.5, warmUpSeconds: 2, calibrationSeconds: 2 } as const;
/** Without quotas the sample application is at full speed after some two seconds. */
const thorough = { warmUpSeconds: 2.5, calibrationSeconds: 3 } as const;
/** Starting and stopping cluster and application of one visit, for the first guess of the time left. */
const visitOverheadSeconds = 3;

export interface Measured {
  readonly folder: string;
  readonly result: RunResult;
  readonly view: RunView;
  readonly end: ExperimentEnd;
}

export interface MeasureRequest {
  readonly scenario: Scenario;
  readonly config: LoadedConfig | undefined;
  readonly arms: readonly Arm[];
  readonly reuseCalibration?: ((plan: RunPlan) => Calibration | undefined) | undefined;
  /** Instead of the configuration's, or the sample. */
  readonly application?: ApplicationDefinition | undefined;
  /** Of arms whose application is another build, by the arm's name. */
  readonly builds?: ReadonlyMap<string, ApplicationDefinition> | undefined;
  readonly slices?: readonly SliceKind[] | undefined;
  /** Parts of each slice, alternating between the arms; default: one arm after the other. */
  readonly parts?: SliceParts | undefined;
  readonly warmUpSeconds?: number | undefined;
  /** What decides, when the run is a gate: it ends when enough is known. */
  readonly gate?: ExperimentOptions['gate'];
}

export function baselineArm({ topology }: ExperimentFlags): Arm {
  return { name: 'baseline', topology, replicas: 0, routing: 'primary-only' };
}

export function replicatedArm(flags: ExperimentFlags): Arm {
  const { topology } = flags;
  return { name: 'replicated', topology, replicas: replicasOf(flags), routing: 'native' };
}

/** Of an external topology as many as were named. */
export function replicasOf(flags: ExperimentFlags): number {
  return flags.topology === 'external' ? replicaUrls(flags, process.env).length : flags.replicas;
}

/** The scenario of the flag, of the configuration file, or the default one. */
export async function chooseScenario(
  flags: ExperimentFlags,
  config: LoadedConfig | undefined,
  context: CommandContext,
): Promise<Scenario> {
  if (flags.scenario !== undefined) return loadScenario(flags.scenario, context.workingFolder);
  const configured = config?.config.scenario;
  if (config === undefined || configured === undefined)
    return loadScenario('read-heavy', context.workingFolder);
  if (typeof configured === 'string') return loadScenario(configured, config.folder);
  return checkScenario(configured, `scenario in ${config.path}`);
}

function chooseExternal(request: MeasureRequest, flags: ExperimentFlags): ExternalTarget | undefined {
  if (flags.topology === 'external') return externalTarget(flags, process.env, request);
  refuseExternalFlags(flags);
  return undefined;
}

export function chooseConfig(
  flags: ExperimentFlags,
  context: CommandContext,
): Promise<LoadedConfig | undefined> {
  return loadConfig(flags.config, context.workingFolder);
}

/** Runs the experiment with live progress and folds its journal; writes result and report. */
export function measure(
  request: MeasureRequest,
  flags: ExperimentFlags,
  context: CommandContext,
): Promise<Measured> {
  const work = (watch?: Watch) => perform(request, flags, context, watch);
  return flags.live === true ? showLive(work, context) : work();
}

async function perform(
  request: MeasureRequest,
  flags: ExperimentFlags,
  context: CommandContext,
  watch: Watch | undefined,
): Promise<Measured> {
  const { scenario, config, arms } = request;
  const { warmUpSeconds = thorough.warmUpSeconds } = request;
  const length = {
    ...{ ...scenario.defaults, ...thorough, warmUpSeconds },
    ...{ ...(flags.quick ? quick : {}), ...given(flags) },
  };
  const visits = arms.length * length.blocks;
  // Arms in turn warm up once more at the steady rate: see duel.
  const warmUp = length.warmUpSeconds * (request.parts === undefined ? 1 : 4 / 3);
  const expectedSeconds =
    8 +
    length.calibrationSeconds +
    visits * (visitOverheadSeconds + warmUp + slicesSeconds(request, length.sliceSeconds));
  refuseUnbreakable(request, flags.topology);
  const application =
    request.application ?? (config === undefined ? sampleApplication() : configuredApplication(config));
  const external = chooseExternal(request, flags);
  await checkReportsRoot(flags.out);
  if (flags.dataDir !== undefined) await checkDataFolder(flags.dataDir);
  context.write(
    `replibench ${context.version} · ${scenario.name} · ${application.name} · ${arms.map((a) => a.name).join(' vs ')}` +
      ` · ${length.blocks} ${length.blocks === 1 ? 'block' : 'blocks'} · about ${Math.ceil(expectedSeconds / 60)} min\n\n`,
  );
  const progress = createProgress({ ...context, clock: monotonicMs, expectedSeconds });
  const end = await runExperiment({
    ...length,
    topology: flags.topology,
    external,
    scenario,
    application,
    builds: request.builds,
    slices: request.slices,
    parts: request.parts,
    ...runHooks(request.gate, watch),
    arms,
    seed: flags.seed,
    maxReplicas: replicasOf(flags),
    nodeCpus: flags.nodeCpus,
    limits: flags.limits ? 'auto' : 'none',
    reportsRoot: flags.out,
    dataParent: flags.dataDir,
    reuseCalibration: request.reuseCalibration,
    command: context.commandLine,
    harnessVersion: context.version,
    emit: progress.onEvent,
    signal: context.signal,
  }).finally(() => progress.close());
  const { folder } = end;
  const { result, view } = await analyseRun(folder, flags.out);
  await writeReport(folder, view);
  return { folder, result, view, end };
}

/**
 * A gate is folded while it happens, so that it can end as soon as it has decided; `watch` hears of the same
 * entries.
 */
function runHooks(gate: MeasureRequest['gate'], watch: Watch | undefined) {
  if (gate === undefined) return { observe: watch };
  const fold = createJournalFold();
  return {
    gate,
    observe: (entry: JournalEntry) => {
      fold.add(entry);
      watch?.(entry);
    },
    enough: () => gateDecided(fold.result()),
  };
}

/**
 * What a person sees at the end of a run. A run without a finished slice has nothing to show but what
 * went wrong; in any other the report says that.
 * @throws what ended such a run, and what went wrong while everything was taken down
 */
export function conclude({ folder, result, end }: Measured, context: CommandContext): void {
  const nothing = result.arms.every((arm) => arm.slices.length === 0);
  if (!nothing) printResult(folder, result, context);
  if (nothing && end.end.outcome !== 'completed') throw end.end.error;
  if (end.cleanUpFailure !== undefined) throw end.cleanUpFailure;
}

/** The summary of a result and where its report is. */
export function printResult(folder: string, result: RunResult, context: CommandContext): void {
  context.write(
    `\n${renderTerminal(result)}\n\nreport: ${relative(context.workingFolder, folder) || '.'}/report.html (and report.md)\n`,
  );
}

/** Faults are made on servers of the run's own, in steady slices of one piece that can be told apart in time. */
function refuseUnbreakable({ scenario, arms, parts }: MeasureRequest, topology: TopologyName): void {
  if (scenario.faults === undefined) return;
  if (topology !== 'embedded')
    throw new UsageError(`faults are made with --topology embedded alone, and this is ${topology}`);
  if (parts !== undefined)
    throw new UsageError(`${scenario.name} has faults, and a gate cannot compare builds while servers break`);
  refuseUnknownNodes(scenario, arms);
}

/** @throws UsageError naming the flag and the folder */
async function checkDataFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    throw new UsageError(
      `--data-dir ${folder} is ${found === undefined ? 'not there' : 'no folder'}; it must exist`,
    );
  }
}

/** All slices of one arm in one block. */
function slicesSeconds(
  { scenario, slices = slicesOf(scenario), parts }: MeasureRequest,
  each: number,
): number {
  return slices.reduce((sum, kind) => {
    const { count, seconds } = parts?.[kind] ?? { count: 1, seconds: each };
    return sum + count * seconds;
  }, 0);
}

function given(flags: ExperimentFlags): { blocks?: number; sliceSeconds?: number } {
  return {
    ...(flags.blocks === undefined ? {} : { blocks: flags.blocks }),
    ...(flags.sliceSeconds === undefined ? {} : { sliceSeconds: flags.sliceSeconds }),
  };
}
