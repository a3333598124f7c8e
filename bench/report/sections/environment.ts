import { median } from '../../analysis/median.ts';
import type { RunResult } from '../../model.ts';
import { formatCount, formatNumber, missing } from '../numbers.ts';
import { hasQuota, isQuotaAtSaturationOnly } from '../quota.ts';
import { right, type Section, section, table } from '../section.ts';

/** Everything that must be equal for another run to be comparable with this one. */
export function environmentSection(result: RunResult): Section | null {
  const { fingerprint, scenario, calibration } = result;
  const commit =
    fingerprint.gitCommit === null
      ? missing
      : `${fingerprint.gitCommit}${fingerprint.gitDirty === true ? ', with uncommitted changes' : ''}`;
  const settings = Object.entries(fingerprint.postgresSettings)
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([name, value]) => `${name} = ${value}`);
  const { load } = scenario;
  const rows = [
    ['CPU', `${fingerprint.cpuModel}, ${fingerprint.cores} cores`],
    ['CPU quota per node', describeQuota(result)],
    ['memory', `${(fingerprint.memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ['kernel, platform', `${fingerprint.kernel}, ${fingerprint.platform}`],
    [
      '8 kB write + fdatasync',
      fingerprint.fsyncMs === null ? missing : `${formatNumber(fingerprint.fsyncMs)} ms (median)`,
    ],
    ['Node.js', fingerprint.node],
    ['PostgreSQL', fingerprint.postgres],
    ['its settings that are not the default', settings.length === 0 ? missing : settings.join('; ')],
    ['application', result.application],
    ['commit of the working folder', commit],
    ['harness', fingerprint.harnessVersion],
    ['data set', describeData(scenario.data)],
    [
      'scenario',
      `${scenario.name} (${scenario.description}) ${Math.round(scenario.readShare * 100)} % reads; steady slices offer ${describeSteadyRate(load)} with ${load.arrivals} arrivals; ${load.saturationConnections} connections at saturation; timeout ${load.timeoutMs} ms`,
    ],
    [
      'calibration',
      calibration === null
        ? missing
        : `capacity ${formatNumber(calibration.capacityHz)} requests/s, steady rate ${formatNumber(calibration.steadyRateHz)} requests/s${calibration.fromRun === undefined ? '' : `, measured in run \`${calibration.fromRun}\``}`,
    ],
    ['seed of the run', String(result.seed)],
  ];
  return section('environment', 'Environment', [table(['', ''], rows)]);
}

/** How long the steps of setting up and tearing down took. */
export function setUpSection(result: RunResult): Section | null {
  const names = [...new Set(result.steps.map(({ name }) => name))];
  const rows = names.map((name) => {
    const times = result.steps.filter((step) => step.name === name).map(({ durationMs }) => durationMs);
    return [name, formatCount(times.length), formatNumber(median(times)), formatNumber(Math.max(...times))];
  });
  return section('set-up', 'Setting up', [
    table(['step', right('times'), right('median (ms)'), right('longest (ms)')], rows),
  ]);
}

function describeQuota(result: RunResult): string {
  const { nodeCpus, limitMethod } = result;
  if (limitMethod === 'external') return 'none of ours: servers that were there already';
  if (!hasQuota(result)) return 'none: the nodes share the cores';
  const when = isQuotaAtSaturationOnly(result) ? ' at saturation, none at the steady rate' : '';
  return `${formatNumber(nodeCpus)} cores${when}, by ${limitMethod}`;
}

/** `contacts 20,000, interactions 200,000, seed 1`: whatever sizes the scenario names. */
export function describeData(data: RunResult['scenario']['data']): string {
  return Object.entries(data)
    .map(([name, size]) => `${name} ${formatCount(size)}`)
    .join(', ');
}

/** A profile bends the steady rate: its mean is what the whole slice gets, its peak is what hurts. */
function describeSteadyRate({ steadyShare, profile }: RunResult['scenario']['load']): string {
  const percent = (multiple: number): number => Math.round(steadyShare * multiple * 100);
  const of = "% of the baseline's calibrated capacity";
  if (profile === undefined) return `${percent(1)} ${of}`;
  const mean = profile.reduce((sum, { share, from, to }) => sum + (share * (from + to)) / 2, 0);
  const peak = Math.max(...profile.flatMap(({ from, to }) => [from, to]));
  return `${percent(mean)} ${of} on average and ${percent(peak)} % at the peak`;
}
