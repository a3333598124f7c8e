/** The flags of `gate`. */
import { randomInt } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addMeasurementOptions, type MeasurementFlags, wholeNumber } from '../experiment-options.ts';

export interface GateFlags extends MeasurementFlags {
  readonly against?: string;
  readonly gateFile?: string;
  readonly appCommand?: string;
  readonly baseUrl?: string;
  readonly readyPath: string;
  readonly install?: string;
  readonly candidateEnv: Readonly<Record<string, string>>;
  readonly inconclusive: 'fail' | 'pass';
  readonly selfTest?: number;
  /** True = the default file. */
  readonly history?: string | true;
}

export function addGateOptions(command: Command): Command {
  command
    .option('--against <ref>', 'what to compare the working tree with (default: the merge base with main)')
    .option(
      '--gate-file <path>',
      "metrics, margins and looks (default: replibench.gate.json at the repository's root)",
    )
    .addOption(
      new Option('--inconclusive <as>', 'what a gate that could not decide counts as; fail is exit code 4')
        .choices(['fail', 'pass'])
        .default('fail'),
    )
    .option(
      '--self-test <n>',
      'n gates of HEAD against itself, kept on record: the false alarms of this machine',
      wholeNumber(1, 500),
    )
    .option(
      '--history [file]',
      'decide by earlier "gate record" runs against the pinned anchor (default file: gate-history.ndjson in --out)',
    )
    .option(
      '--app-command <command>',
      'starts another application without a replibench.config.ts; gets PORT, DATABASE_URL and REPLICA_URLS',
    )
    .option(
      '--base-url <url>',
      'where it answers, if it cannot be told a port (default: http://127.0.0.1:$PORT)',
    )
    .option('--ready-path <path>', 'answers 2xx once that application can serve', '/')
    .option('--install <command>', 'installs a checkout (default: what its lock file asks for; "" = nothing)')
    .option(
      '--candidate-env <name=value>',
      'variable for the candidate alone, may be repeated: to see whether the gate sees it',
      variable,
      {},
    );
  return addMeasurementOptions(
    command,
    // Drawn anew each time, and kept in the plan: gates that all had the same order would share its luck.
    { scenario: 'mixed', replicas: 1, seed: randomInt(2 ** 31 - 1) },
    {
      sliceSeconds: 'length of a steady slice, measured in four parts (default: 5)',
      replicas: 'read replicas of both arms',
    },
  );
}

function variable(text: string, known: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('It must be NAME=value.');
  return { ...known, [name]: value };
}
