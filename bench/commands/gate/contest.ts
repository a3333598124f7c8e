/** Two states of one application, ready to be measured as the arms of a run. */
import type { ApplicationDefinition } from '../../experiment/application-definition.ts';
import { type Checkout, checkOut } from '../../experiment/builds/checkout.ts';
import { commitOf, isDirty, mergeBaseWithMain, repositoryOf } from '../../experiment/builds/git.ts';
import { isInside, relocate } from '../../experiment/builds/relocate.ts';
import type { GateTerms } from '../../experiment/experiment.ts';
import { checkReportsRoot } from '../../experiment/run-folder.ts';
import { checkScenario, loadScenario } from '../../experiment/scenario-file.ts';
import {
  type Arm,
  type Build,
  type Fingerprint,
  type GateRules,
  type Scenario,
  UsageError,
} from '../../model.ts';
import type { CommandContext } from '../context.ts';
import { type Measured, measure } from '../measure.ts';
import { type GateFile, gateFileName, loadGateFile } from './gate-file.ts';
import type { GateFlags } from './gate-options.ts';
import { type GateScenario, gatedApplication } from './gated-application.ts';
import {
  calmer,
  defaultSliceSeconds,
  gateMethod,
  partsOf,
  slicesFor,
  versionsIfAsked,
  warmUpFor,
} from './measurement.ts';

export interface Contest extends AsyncDisposable {
  readonly file: GateFile;
  readonly scenario: Scenario;
  /** Short digest of how it is measured and decided; see `gateMethod`. */
  readonly method: string;
  readonly reference: Side;
  readonly candidate: Side;
}

interface Side {
  readonly application: ApplicationDefinition;
  readonly build: Build;
}

/** Which state the working tree is compared with, given what the repository's gate file says. */
export type ChooseReference = (
  repository: string,
  file: GateFile,
) => Promise<Build & { readonly commit: string }>;

/**
 * Checks everything that can be checked, then checks the reference out and installs it.
 * @throws UsageError, EnvironmentError, or the signal's reason
 */
export async function openContest(
  choose: ChooseReference,
  flags: GateFlags,
  context: CommandContext,
): Promise<Contest> {
  const { workingFolder, signal } = context;
  const repository = await repositoryOf(workingFolder);
  const { application, scenario: configured } = await gatedApplication(flags, workingFolder, repository);
  const file = await loadGateFile(flags.gateFile, workingFolder, repository);
  const chosen = await chooseScenario(flags, file, configured, repository, context);
  const scenario = versionsIfAsked(calmer(chosen), file.rules);
  refuseUnmeasurable(file.rules, scenario);
  refuseElsewhere(application, repository);
  await checkReportsRoot(flags.out);
  const reference = await choose(repository, file);
  const candidate: Build = {
    ref: 'working tree',
    commit: await commitOf(repository, 'HEAD'),
    dirty: await isDirty(repository, flags.out),
  };
  context.write(
    `candidate: ${describeBuild(candidate)}\nreference: ${describeBuild(reference)}, checked out and installed elsewhere\n`,
  );
  const checkout: Checkout = await checkOut({
    ...{ repository, commit: reference.commit, application: application.cwd, install: flags.install, signal },
    onStep: ({ name, durationMs }) =>
      context.write(`  ${name.padEnd(44)} ${(durationMs / 1000).toFixed(2)} s\n`),
  });
  return {
    file: { ...file, rules: { ...file.rules, ...tolerance(flags) } },
    scenario,
    method: gateMethod(application, scenario, file.rules, flags),
    reference: { application: relocate(application, repository, checkout.folder), build: reference },
    candidate: { application: withVariables(application, flags.candidateEnv), build: candidate },
    [Symbol.asyncDispose]: () => checkout[Symbol.asyncDispose](),
  };
}

export interface Terms {
  /** Numbers of blocks after which is decided. */
  readonly looks: readonly number[];
  readonly of: (fingerprint: Fingerprint) => GateTerms;
}

/** Measures block by block until the rules decide, or the last look is over. */
export function contend(
  { file, scenario, reference, candidate }: Contest,
  { looks, of }: Terms,
  flags: GateFlags,
  context: CommandContext,
): Promise<Measured> {
  const inTurn = reference.application.port === undefined;
  const sliceSeconds = flags.sliceSeconds ?? defaultSliceSeconds;
  const arm = (name: string, build: Build): Arm => ({
    name,
    topology: 'embedded',
    replicas: flags.replicas,
    routing: flags.replicas > 0 ? 'native' : 'primary-only',
    build,
  });
  return measure(
    {
      scenario,
      config: undefined,
      application: reference.application,
      builds: new Map([['candidate', candidate.application]]),
      arms: [arm('reference', reference.build), arm('candidate', candidate.build)],
      slices: slicesFor(file.rules),
      warmUpSeconds: warmUpFor(sliceSeconds),
      // An application that cannot be told a port cannot run beside its other build.
      parts: inTurn ? partsOf(sliceSeconds) : undefined,
      gate: of,
    },
    {
      ...flags,
      topology: 'embedded',
      blocks: looks.at(-1) ?? 1,
      sliceSeconds,
    },
    context,
  );
}

/** Of a pull request its base, unless flag or file name another. */
export function chooseAgainst(flags: GateFlags): ChooseReference {
  return async (repository, file) => {
    const asked = flags.against ?? file.against;
    const reference =
      asked === undefined
        ? {
            ref: 'merge base with main',
            commit: await mergeBaseWithMain(repository, process.env['GITHUB_BASE_REF']),
            dirty: false,
          }
        : { ref: asked, commit: await commitOf(repository, asked), dirty: false };
    const same =
      reference.commit === (await commitOf(repository, 'HEAD')) && !(await isDirty(repository, flags.out));
    if (same && Object.keys(flags.candidateEnv).length === 0) {
      throw new UsageError(
        `the working tree is ${describeBuild(reference)} itself, so there is nothing to compare: name another state,` +
          ' for example --against HEAD~1, or measure false alarms with --self-test',
      );
    }
    return reference;
  };
}

export function describeBuild({ ref, commit, dirty }: Build): string {
  return `${ref} (${commit?.slice(0, 12) ?? 'no commit'}${dirty ? ' and changes' : ''})`;
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

/** A gate of what is never measured would take its time and then say nothing. */
function refuseUnmeasurable({ metrics }: GateRules, { name, readShare }: Scenario): void {
  const absent = readShare === 0 ? 'read.' : readShare === 1 ? 'write.' : null;
  const missing = metrics.find(({ metric }) => absent !== null && metric.startsWith(absent));
  if (missing === undefined) return;
  throw new UsageError(
    `the scenario ${name} has no ${missing.metric.split('.')[0]}s, so ${missing.metric} cannot be gated:` +
      ` take it out of the gate (in ${gateFileName}: "${missing.metric}": false), or choose another scenario`,
  );
}

/** What both builds would share is compared with itself. */
function refuseElsewhere({ command, cwd }: ApplicationDefinition, repository: string): void {
  if (!isInside(repository, cwd)) {
    throw new UsageError(
      `the application is in ${cwd}, outside the repository ${repository}: both builds would run the same files`,
    );
  }
  if (typeof command === 'string' && command.includes(repository)) {
    throw new UsageError(
      `the command "${command}" names the folder of this repository, so both builds would run the same files:` +
        ' use a path relative to the application',
    );
  }
}

function tolerance({ inconclusive }: GateFlags): Pick<GateRules, 'inconclusive'> {
  return inconclusive === 'pass' ? { inconclusive } : {};
}

function withVariables(
  application: ApplicationDefinition,
  extra: Readonly<Record<string, string>>,
): ApplicationDefinition {
  return { ...application, env: (connections) => ({ ...application.env(connections), ...extra }) };
}
