/** `gate`: is this state of the application slower than another one? */

import type { ApplicationDefinition } from '../../experiment/application-definition.ts';
import { type Checkout, checkOut } from '../../experiment/builds/checkout.ts';
import { commitOf, isDirty, mergeBaseWithMain, repositoryOf } from '../../experiment/builds/git.ts';
import { relocate } from '../../experiment/builds/relocate.ts';
import { checkReportsRoot } from '../../experiment/run-folder.ts';
import { checkScenario, loadScenario } from '../../experiment/scenario-file.ts';
import { type Arm, type Build, exitCodes, type RunResult, type Scenario, UsageError } from '../../model.ts';
import type { CommandContext } from '../context.ts';
import type { ExperimentFlags } from '../experiment-options.ts';
import { conclude, type Measured, measure } from '../measure.ts';
import { type GateFile, loadGateFile } from './gate-file.ts';
import type { GateFlags } from './gate-options.ts';
import { type GateScenario, gatedApplication } from './gated-application.ts';

/** What saturates writes is the disk and the primary, not the application: nothing gated comes from it. */
const gateSlices = ['steady', 'read-saturation'] as const;
const gateSliceSeconds = 4;

/** Two states of one application, ready to be measured. */
interface Contest {
  readonly file: GateFile;
  readonly scenario: Scenario;
  readonly reference: { readonly application: ApplicationDefinition; readonly build: Build };
  readonly candidate: { readonly application: ApplicationDefinition; readonly build: Build };
}

/** @returns the exit code: 0 pass, 1 fail, 3 invalid, 4 inconclusive (0 with `--inconclusive pass`) */
export async function gate(flags: GateFlags, context: CommandContext): Promise<number> {
  const repository = await repositoryOf(context.workingFolder);
  const { application, scenario: configured } = await gatedApplication(
    flags,
    context.workingFolder,
    repository,
  );
  const file = await loadGateFile(flags.gateFile, context.workingFolder, repository);
  const scenario = await chooseScenario(flags, file, configured, repository, context);
  await checkReportsRoot(flags.out);
  const reference = await referenceBuild(flags, file, repository);
  const candidate = await candidateBuild(repository);
  refuseSame(flags, reference, candidate);
  context.write(
    `candidate: ${describe(candidate)}\nreference: ${describe(reference)}, checked out and installed beside it\n`,
  );
  await using checkout: Checkout = await checkOut({
    repository,
    commit: reference.commit,
    application: application.cwd,
    install: flags.install,
    onStep: ({ name, durationMs }) =>
      context.write(`  ${name.padEnd(44)} ${(durationMs / 1000).toFixed(2)} s\n`),
    signal: context.signal,
  });
  const contest: Contest = {
    file,
    scenario,
    reference: { application: relocate(application, repository, checkout.folder), build: reference },
    candidate: { application: withVariables(application, flags.candidateEnv), build: candidate },
  };
  const measured = await contend(contest, flags, context);
  conclude(measured, context);
  return exitCodeOf(measured.result, flags);
}

function contend(contest: Contest, flags: GateFlags, context: CommandContext): Promise<Measured> {
  const { file, scenario, reference, candidate } = contest;
  const { rules } = file;
  const arm = (name: string, build: Build): Arm => ({
    name,
    topology: 'embedded',
    replicas: flags.replicas,
    routing: flags.replicas > 0 ? 'native' : 'primary-only',
    build,
  });
  const experiment: ExperimentFlags = {
    ...flags,
    topology: 'embedded',
    blocks: rules.looks.at(-1) ?? 1,
    sliceSeconds: flags.sliceSeconds ?? gateSliceSeconds,
  };
  return measure(
    {
      scenario,
      config: undefined,
      application: reference.application,
      builds: new Map([['candidate', candidate.application]]),
      arms: [arm('reference', reference.build), arm('candidate', candidate.build)],
      slices: gateSlices.filter((slice) => slice !== 'read-saturation' || scenario.readShare > 0),
      gate: rules,
    },
    experiment,
    context,
  );
}

/** @throws UsageError when there is no such commit */
async function referenceBuild(
  flags: GateFlags,
  file: GateFile,
  repository: string,
): Promise<Build & { readonly commit: string }> {
  const asked = flags.against ?? file.against;
  if (asked !== undefined) return { ref: asked, commit: await commitOf(repository, asked), dirty: false };
  const commit = await mergeBaseWithMain(repository, process.env['GITHUB_BASE_REF']);
  return { ref: 'merge base with main', commit, dirty: false };
}

async function candidateBuild(repository: string): Promise<Build> {
  return {
    ref: 'working tree',
    commit: await commitOf(repository, 'HEAD'),
    dirty: await isDirty(repository),
  };
}

function refuseSame(flags: GateFlags, reference: Build, candidate: Build): void {
  const same = reference.commit === candidate.commit && !candidate.dirty;
  if (!same || Object.keys(flags.candidateEnv).length > 0) return;
  throw new UsageError(
    `the working tree is ${describe(reference)} itself, so there is nothing to compare: name another state,` +
      ' for example --against HEAD~1, or measure false alarms with --self-test',
  );
}

async function chooseScenario(
  flags: GateFlags,
  file: GateFile,
  configured: GateScenario,
  repository: string,
  context: CommandContext,
): Promise<Scenario> {
  if (flags.scenario !== undefined) return loadScenario(flags.scenario, context.workingFolder);
  if (file.scenario !== undefined) return loadScenario(file.scenario, repository);
  if (configured === undefined) return loadScenario('mixed', context.workingFolder);
  const { given, folder, path } = configured;
  return typeof given === 'string'
    ? loadScenario(given, folder)
    : checkScenario(given, `scenario in ${path}`);
}

function withVariables(
  application: ApplicationDefinition,
  extra: Readonly<Record<string, string>>,
): ApplicationDefinition {
  return { ...application, env: (connections) => ({ ...application.env(connections), ...extra }) };
}

function describe({ ref, commit, dirty }: Build): string {
  return `${ref} (${commit?.slice(0, 12) ?? 'no commit'}${dirty ? ' and changes' : ''})`;
}

function exitCodeOf(result: RunResult, { inconclusive }: GateFlags): number {
  const tolerated = result.exitCode === exitCodes.inconclusive && inconclusive === 'pass';
  return tolerated ? exitCodes.pass : result.exitCode;
}
