import { describe, expect, test } from 'vitest';
import { combineRuns } from '../../bench/analysis/combine.ts';
import type { JournalEntry, RunResult } from '../../bench/model.ts';
import { renderMarkdown } from '../../bench/report/markdown.ts';
import { foldJournal } from '../analysis/fold-journal.ts';
import { buildJournal, type JournalOptions, replicatedArm } from '../analysis/journal-builder.ts';
import { failedRow, gateRun, openRow, passedRow } from './gate/gate-run.ts';

const render = (options: JournalOptions): string => renderMarkdown(foldJournal(buildJournal(options)));
const compared = render({});
const firstBlock = journalOfFirstBlock();
/** The lines before the first table: all that a busy reader reads. */
const opening = (markdown: string): string => markdown.split('\n|')[0] ?? '';
/** Cells of the line of a table that begins with the given cell. */
const cells = (markdown: string, first: string): readonly string[] =>
  (markdown.split('\n').find((line) => line.startsWith(`| ${first} |`)) ?? '').split(' | ').slice(1);

describe('report.md', () => {
  // After a wanted change of the text: npx vitest run test/report -u, and read the difference.
  test.each([
    ['compare', buildJournal()],
    ['single-arm', buildJournal({ replicated: null })],
    ['cut-off', firstBlock],
    ['containers', buildJournal({ blocks: 2, sliceMs: 4000, containers: true })],
  ])('of a pretended run (%s) is as agreed, word for word', async (name, journal) => {
    await expect(renderMarkdown(foldJournal(journal))).toMatchFileSnapshot(`golden/${name}.md`);
  });

  test('gives the answer, its interval and n in the first lines', () => {
    const first = opening(compared);
    expect(first).toContain('**PASS** (exit code 0)');
    expect(first).toMatch(/read QPS rose from 1,000 to 2,120\/s: \+113 % \[\+97 to \+119\], n = 6 blocks/);
    expect(first).toMatch(/96\.9 % interval/);
    expect(first.split('\n\n')).toHaveLength(3);
  });

  test('says no direction that the interval does not show', () => {
    expect(opening(compared)).toContain('write QPS is not shown to change');
    const few = opening(render({ blocks: 2 }));
    expect(few).toContain('n = 2 blocks, 50 % interval, too few blocks for a conclusion');
    expect(few).not.toMatch(/rose|fell/);
    expect(opening(render({ blocks: 1 }))).toContain('n = 1 block, too few for an interval');
  });

  test('puts the claimed figures beside the measured ones, and says whether they agree', () => {
    expect(cells(compared, 'Read QPS (1/s)').slice(2)).toEqual([
      '+113 % [+97 to +119]',
      '+140 %',
      'no, less |',
    ]);
    expect(cells(compared, 'P95 read (ms)').slice(3)).toEqual(['\u221247 %', 'yes |']);
    expect(cells(compared, 'CPU of the replicas, mean (% of quota)').slice(3)).toEqual([
      '35 % each',
      'no, less |',
    ]);
    expect(cells(compared, 'Replication lag, P95 (ms)').slice(3)).toEqual(['&lt; 100 ms', 'yes |']);
  });

  test('does not judge claims with few blocks, without quotas, or about another number of replicas', () => {
    expect(cells(render({ blocks: 2 }), 'Read QPS (1/s)').slice(3)).toEqual(['+140 %', ' |']);
    const plan = { nodeCpus: null, limitMethod: 'none' } as const;
    expect(cells(render({ plan }), 'Read QPS (1/s)').slice(3)).toEqual(['+140 %', ' |']);
    const [planned, ...rest] = buildJournal({ blocks: 1 });
    if (planned?.type !== 'plan') throw new Error('a journal begins with its plan');
    const arms = planned.plan.arms.map((arm) => (arm.replicas > 0 ? { ...arm, replicas: 1 } : arm));
    const one = renderMarkdown(foldJournal([{ ...planned, plan: { ...planned.plan, arms } }, ...rest]));
    expect(one).toContain('With 1 read replica,');
    expect(one).not.toContain('+140 %');
  });

  test('puts what changes the meaning of the answer beside the answer', () => {
    const shared = opening(render({ plan: { nodeCpus: null, limitMethod: 'none' } }));
    expect(shared).toContain('> **Caution:** The PostgreSQL nodes have no CPU quota');
    const bound = opening(render({ replicated: { saturatedCpuPercent: [20, 60, 60], appCpuPercent: 97 } }));
    expect(bound).toContain('> **Caution:** The application, not PostgreSQL, limits the reads of replicated');
  });

  test('begins with the fault when the measurement is invalid', () => {
    const first = opening(render({ blocks: 2, generator: { cpuPercent: 93 } }));
    expect(first).toMatch(/^# .*\n\n\*\*INVALID\*\* \(exit code 3\): .* the load generator used 93 %/);
  });

  test('begins with the missed objective when one was missed', () => {
    const first = opening(render({ replicated: { errorShare: 0.03 } }));
    expect(first).toContain('**FAIL** (exit code 1): errors.ratio of replicated is 3.00 %');
  });

  test('of an interrupted and of a failed run says how far it came', () => {
    const end = (entry: Partial<JournalEntry>): string =>
      opening(
        renderMarkdown(
          foldJournal([
            ...firstBlock,
            { type: 'end', atMs: 1e6, outcome: 'interrupted', ...entry } as JournalEntry,
          ]),
        ),
      );
    expect(end({})).toContain('**INTERRUPTED** (exit code 130): the run was stopped after 1 of 3 blocks.');
    expect(end({ outcome: 'failed', reason: 'the application died' } as Partial<JournalEntry>)).toContain(
      '**FAILED TO MEASURE** (exit code 3): the run ended after 1 of 3 blocks: the application died.',
    );
  });

  test('of two runs that were not interleaved shows no direction and says why', () => {
    const alone = buildJournal({ seed: 2 }).flatMap((entry): JournalEntry[] => {
      if (entry.type === 'plan') return [{ ...entry, plan: { ...entry.plan, arms: [replicatedArm] } }];
      return 'arm' in entry && entry.arm !== 'replicated' ? [] : [entry];
    });
    const baseline = foldJournal(buildJournal({ replicated: null }));
    const markdown = renderMarkdown(combineRuns(baseline, foldJournal(alone)));
    expect(opening(markdown)).toContain('were not measured in turns');
    expect(opening(markdown)).not.toMatch(/rose|fell/);
    expect(markdown).toContain('exact rank-sum interval with 95.9 % confidence');
    expect(markdown).toContain('no verdict: not interleaved');
  });

  test('of any journal that was cut off reads well: no NaN, no undefined, no empty table', () => {
    const journal = buildJournal({ blocks: 2, sliceMs: 1000 });
    for (let length = 1; length <= journal.length; length += 5) {
      const markdown = renderMarkdown(foldJournal(journal.slice(0, length)));
      expect(markdown).not.toMatch(/NaN|undefined|Infinity|null|\[object/);
      expect(markdown).not.toMatch(/\| ---:? \|\n\n/);
      expect(markdown).not.toMatch(/\n\n\n/);
    }
  });

  test('is the same whatever the time zone and the language of the machine', () => {
    const result: RunResult = foldJournal(buildJournal({ blocks: 1 }));
    const [zone, language] = [process.env['TZ'], process.env['LANG']];
    const here = renderMarkdown(result);
    process.env['TZ'] = 'Pacific/Auckland';
    process.env['LANG'] = 'de_DE.UTF-8';
    try {
      expect(renderMarkdown(result)).toBe(here);
    } finally {
      restore('TZ', zone);
      restore('LANG', language);
    }
  });

  test('does not let names from outside break a table or become markup', () => {
    const markdown = render({
      blocks: 1,
      plan: { application: 'evil | app\n# <script>alert(1)</script>' },
    });
    expect(markdown).toContain('| application | evil \\| app # &lt;script>alert(1)&lt;/script> |');
  });
});

describe('report.md of a gate', () => {
  const markdown = renderMarkdown(gateRun());

  test('begins with the verdict of the gate and what was measured against what', () => {
    expect(markdown.split('\n\n').slice(0, 3)).toEqual([
      '# read-heavy: reference against candidate',
      `**FAIL** (exit code 1): ${failedRow.sentence}`,
      '**Candidate (working tree, commit 9f8e7d6c5b4a with changes) against reference (main, commit 1a2b3c4d5e6f), after 8 of at most 24 blocks.**',
    ]);
    expect(opening(markdown)).not.toMatch(/replica|rose|fell/);
  });

  test('has the gate before anything else, with every number of a metric', () => {
    expect(markdown.match(/^## .*/gm)?.slice(0, 2)).toEqual(['## Gate', '## Effect']);
    expect(cells(markdown, 'fail')).toEqual([
      '`app.cpuMsPerRequest` (ms)',
      '0.512',
      '0.571',
      '+11.2 % [+8.1 to +14.0]',
      '3.0 %',
      '8.0 %',
      '8',
      '0.0039',
      '0.016',
      '0.94 |',
    ]);
  });

  test('has every look, so that a reader sees what the later blocks changed', () => {
    const looks = [
      { blocks: 8, rows: [openRow] },
      { blocks: 14, rows: [{ ...openRow, ...passedRow, metric: openRow.metric }] },
    ];
    const twice = renderMarkdown(gateRun({ looks }));
    expect(cells(twice, '8')).toEqual(['inconclusive +7.9 % [−9.3 to +27.0] |']);
    expect(cells(twice, '14')).toEqual(['pass +1.2 % [−2.0 to +4.1] |']);
  });

  test('does not judge the claims about replicas by two builds of one kind', () => {
    const run = gateRun();
    const replicated = { ...run, arms: run.arms.map((arm) => ({ ...arm, replicas: 2 })) };
    expect(renderMarkdown(replicated)).not.toContain('claim inside the interval');
    const noBuild = replicated.arms.map(({ build: _, ...arm }) => arm);
    expect(renderMarkdown({ ...replicated, arms: noBuild })).toContain('claim inside the interval');
  });

  test('of an invalid measurement does not show the verdict of its rows first', () => {
    const findings = [{ severity: 'invalid', id: 'x', message: 'the generator had no CPU' }] as const;
    const invalid = gateRun({ verdict: 'pass' }, { validity: { ok: false, findings } });
    expect(opening(renderMarkdown(invalid))).toContain('**INVALID**');
  });
});

/** Of three blocks one, and then nothing more. */
function journalOfFirstBlock(): readonly JournalEntry[] {
  const journal = buildJournal({ blocks: 3 });
  return journal.slice(
    0,
    journal.findIndex((entry) => entry.type === 'slice-start' && entry.block === 2),
  );
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
