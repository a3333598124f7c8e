import type { RunResult } from '../../model.ts';
import { formatNumber } from '../numbers.ts';
import { hasQuota, isQuotaAtSaturationOnly } from '../quota.ts';
import { list, type Section, section, table } from '../section.ts';
import { describeData } from './environment.ts';

export function objectiveSection(result: RunResult): Section | null {
  return section('objectives', 'Objectives', [
    table(
      ['verdict', 'objective'],
      result.objectives.map(({ verdict, sentence }) => [verdict, sentence]),
    ),
  ]);
}

/** Whether the measurement can be believed: apart from what was measured. */
export function validitySection(result: RunResult): Section | null {
  const { completion, validity } = result;
  const { ok, findings } = validity;
  const summary = ok
    ? `The measurement is valid: no finding makes the figures${completion.outcome === 'completed' ? '' : ' of its finished slices'} unusable.`
    : 'The measurement is **invalid**: the figures above must not be used for anything but finding the fault.';
  return section('validity', 'Validity', [
    findings.length === 0 ? `${summary} Nothing was found.` : summary,
    table(
      ['severity', 'id', 'finding'],
      findings.map(({ severity, id, message }) => [severity, `\`${id}\``, message]),
    ),
  ]);
}

/** What a reader might conclude from the figures, and must not. */
export function limitsOfThisReport(result: RunResult): Section | null {
  const quota = hasQuota(result);
  const bytes = (result.fingerprint.memoryBytes / 2 ** 30).toFixed(0);
  const points = [
    quota
      ? `All nodes, the application and the generator share one host of ${result.fingerprint.cores} cores. A quota of ${formatNumber(result.nodeCpus)} cores per node stands for a machine${isQuotaAtSaturationOnly(result) ? ' at saturation; at the steady rate there is none' : ''}; caches, memory bandwidth and the disk are shared all the same.`
      : `All nodes, the application and the generator share the ${result.fingerprint.cores} cores of one host without quotas: the ratio says nothing about replicas on machines of their own.`,
    'The network is loopback: no latency, no loss, no bandwidth limit between application, primary and replicas. Lag on a real network is larger.',
    `Nothing makes reads go to disk: the data set (${describeData(result.scenario.data)}) most likely stays in the host's ${bytes} GiB of memory, and one that does not behaves otherwise.`,
    'All nodes write to the same disk, so commit latency and replay compete for it.',
    'Absolute figures belong to this host, this data and this mix of operations. Ratios travel better, not far.',
    'A slice lasts seconds: vacuum, checkpoints, growth of the data and cold caches show in longer runs only.',
    'Failover, network partitions and what a stale read does to a user are not part of this measurement.',
    ...(result.interleaved || result.arms.length < 2
      ? []
      : [
          'The arms were not interleaved: what changed between them is in the difference, and no interval covers it.',
        ]),
  ];
  return section('not-shown', 'What this does not show', [list(points)]);
}
