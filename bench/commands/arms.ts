import { type Arm, UsageError } from '../model.ts';
import type { ExperimentFlags } from './experiment-options.ts';
import { replicasOf } from './measure.ts';

/** What `--arms` says of the names that it takes. */
export const armsHelp =
  'arms to measure, with commas: baseline, native, balanced, each with +primary[:weight], +ryw, +lag:50ms, ' +
  '+lag:64kB, +wait:100ms, +reject, +cap:4, +rate:500 or +replicas:1 (default: baseline,replicated)';

/**
 * `baseline,native,balanced+ryw+lag:50ms`: one arm for each name; the first, or the one called `baseline`, is what the
 * others are measured against.
 * @throws UsageError naming the part that is not understood
 */
export function parseArms(text: string, flags: ExperimentFlags): readonly [Arm, ...Arm[]] {
  const [first = '', ...others] = text.split(',').map((name) => name.trim());
  const arms: readonly [Arm, ...Arm[]] = [
    parseArm(first, flags),
    ...others.map((name) => parseArm(name, flags)),
  ];
  const names = arms.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new UsageError(`--arms: ${twice} is there twice`);
  return arms;
}

function parseArm(name: string, flags: ExperimentFlags): Arm {
  const [base = '', ...parts] = name.split('+');
  const routing = Object.hasOwn(routingOf, base) ? routingOf[base] : undefined;
  if (routing === undefined) {
    throw new UsageError(`--arms: "${base}" is no arm: there are ${Object.keys(routingOf).join(', ')}`);
  }
  const arm: Arm = {
    name,
    topology: flags.topology,
    replicas: routing === 'primary-only' ? 0 : replicasOf(flags),
    routing,
  };
  return parts.reduce((changed, part) => withPart(changed, part), arm);
}

const routingOf: Readonly<Record<string, Arm['routing']>> = {
  baseline: 'primary-only',
  replicated: 'native',
  native: 'native',
  balanced: 'balanced',
};

function withPart(arm: Arm, part: string): Arm {
  const [key = '', value] = part.split(/:(.*)/s);
  if (key === 'replicas') {
    const replicas = wholeNumber(arm, part, value);
    if (replicas > arm.replicas) {
      throw new UsageError(`--arms: ${arm.name}: +${part} is more than the ${arm.replicas} of --replicas`);
    }
    return { ...arm, replicas };
  }
  if (arm.routing !== 'balanced') {
    throw new UsageError(`--arms: ${arm.name}: +${part} goes with balanced alone`);
  }
  const settings = settingsOf(arm, part, key, value);
  return { ...arm, settings: { ...arm.settings, ...settings } };
}

function settingsOf(
  arm: Arm,
  part: string,
  key: string,
  value: string | undefined,
): Readonly<Record<string, string>> {
  switch (key) {
    case 'primary':
      return { DB_INCLUDE_PRIMARY: value === undefined ? '1' : String(positive(arm, part, value)) };
    case 'ryw':
      return only(arm, part, value, { DB_SESSIONS: 'header' });
    case 'reject':
      return only(arm, part, value, { DB_WHEN_STALE: 'reject' });
    case 'lag':
      return lagBound(arm, part, value ?? '');
    case 'wait':
      return { DB_READ_WAIT_MS: String(milliseconds(arm, part, value ?? '')) };
    case 'cap':
      return { DB_FALLBACK_CONCURRENT: String(positive(arm, part, value ?? '')) };
    case 'rate':
      return { DB_FALLBACK_PER_SECOND: String(positive(arm, part, value ?? '')) };
    default:
      throw new UsageError(`--arms: ${arm.name}: +${part} is not understood; --help lists what is`);
  }
}

function only<Settings>(arm: Arm, part: string, value: string | undefined, settings: Settings): Settings {
  if (value !== undefined) throw new UsageError(`--arms: ${arm.name}: +${part} takes no value`);
  return settings;
}

function lagBound(arm: Arm, part: string, value: string): Readonly<Record<string, string>> {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(kB|MB)$/.exec(value) ?? [];
  if (unit === undefined) return { DB_MAX_LAG_MS: String(milliseconds(arm, part, value)) };
  return { DB_MAX_LAG_BYTES: String(Number(number) * (unit === 'kB' ? 1_000 : 1_000_000)) };
}

function milliseconds(arm: Arm, part: string, value: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(value) ?? [];
  if (unit === undefined) throw new UsageError(`--arms: ${arm.name}: +${part} needs a time, 50ms or 2s`);
  return Number(number) * (unit === 's' ? 1_000 : 1);
}

function wholeNumber(arm: Arm, part: string, value: string | undefined): number {
  if (value === undefined || !/^\d+$/.test(value)) {
    throw new UsageError(`--arms: ${arm.name}: +${part} needs a whole number`);
  }
  return Number(value);
}

function positive(arm: Arm, part: string, value: string): number {
  if (!(Number(value) > 0)) throw new UsageError(`--arms: ${arm.name}: +${part} needs a number above 0`);
  return Number(value);
}
