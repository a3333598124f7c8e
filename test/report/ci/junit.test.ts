import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import type { GateResult } from '../../../bench/model.ts';
import { renderJunit } from '../../../bench/report/ci/junit.ts';
import { failedRow, gateRun, keptGuard, missingRow, openRow, passedRow } from '../gate/gate-run.ts';

const schema = readFileSync(new URL('junit.xsd', import.meta.url), 'utf8');

/** What libxml2 has against a document; nothing when it is well-formed and fits the schema. */
async function faults(...documents: readonly string[]): Promise<readonly string[]> {
  const xml = documents.map((contents, index) => ({ fileName: `${index}.xml`, contents }));
  return (await validateXML({ xml, schema: [schema] })).errors.map(({ message }) => message);
}

/** `failure`, `error`, `skipped` or `passed` by the name of the test case. */
function outcomes(xml: string): Readonly<Record<string, string>> {
  const cases = [...xml.matchAll(/<testcase [^>]*name="([^"]*)" time="0"(?:\/>|><(\w+))/g)];
  return Object.fromEntries(cases.map(([, name = '', kind = 'passed']) => [name, kind]));
}

const counts = (xml: string): readonly string[] =>
  /tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="(\d+)"/.exec(xml)?.slice(1) ?? [];

describe('junit.xml', () => {
  test('of a failed gate: failure is a regression, skipped an open question', async () => {
    const xml = renderJunit(gateRun());
    expect(await faults(xml)).toEqual([]);
    expect(outcomes(xml)).toEqual({
      validity: 'passed',
      'app.cpuMsPerRequest': 'failure',
      'read.qps': 'passed',
      'read.p95Ms': 'skipped',
      'write.p95Ms': 'skipped',
      'guard errors.ratio': 'passed',
    });
    expect(counts(xml)).toEqual(['6', '1', '0', '2']);
    expect(xml).toContain(`<failure message="${failedRow.sentence}" type="regression">`);
  });

  test('of an invalid gate has one error, and judges no metric', async () => {
    const run = gateRun({ verdict: 'invalid', sentence: 'the generator had no CPU.' });
    const xml = renderJunit(run);
    expect(await faults(xml)).toEqual([]);
    expect(counts(xml)).toEqual(['6', '0', '1', '5']);
    expect(outcomes(xml)['validity']).toBe('error');
    expect(xml).toContain('<error message="INVALID: the generator had no CPU." type="invalid">');
  });

  test('of a run that was killed has an error, whatever its rows say', () => {
    const completion = { outcome: 'cut-off', reason: null, plannedBlocks: 24, finishedBlocks: 3 } as const;
    const xml = renderJunit(gateRun({ rows: [passedRow], verdict: 'pass' }, { completion }));
    expect(outcomes(xml)).toMatchObject({ validity: 'error', 'read.qps': 'skipped' });
  });

  test('a metric that was asked for and has no row is not lost', () => {
    const { metric, minEffect, tolerance } = missingRow;
    const rules: GateResult['rules'] = {
      ...gateRun().gate.rules,
      metrics: [{ metric, minEffect, tolerance }],
    };
    const xml = renderJunit(gateRun({ rows: [passedRow], rules, verdict: 'inconclusive' }));
    expect(outcomes(xml)).toMatchObject({ 'write.p95Ms': 'skipped' });
  });

  test('has the numbers as properties, unrounded, and none for what was not measured', () => {
    const effect = 0.11237654321;
    const xml = renderJunit(gateRun({ rows: [{ ...failedRow, effect }, missingRow] }));
    expect(xml).toContain(`<property name="app.cpuMsPerRequest.effect" value="${effect}"/>`);
    expect(xml).toContain('<property name="guard.errors.ratio.max" value="0.01"/>');
    expect(xml).not.toMatch(/name="write\.p95Ms\.(effect|low|high|passP)"|null|NaN/);
  });

  test('is valid whatever stands in names and messages', async () => {
    // Control characters, quotes, half of a surrogate pair, the end of CDATA, and everything else.
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('\u0000\u001b[31m"&<>\'', ']]>', '\ud83d', '\uffff\ufffe', '\r\n\t', '<!-- -- -->'),
    );
    const runs = fc.sample(
      fc.record({ name: text, sentence: text, command: text, message: text, ref: text }),
      { numRuns: 150, seed: 4 },
    );
    const documents = runs.map(({ name, sentence, command, message, ref }) => {
      const run = gateRun(
        { sentence, rows: [{ ...failedRow, sentence }, openRow], guards: [{ ...keptGuard, sentence }] },
        { command, validity: { ok: true, findings: [{ severity: 'info', id: 'x', message }] } },
      );
      const build = { ref, commit: null, dirty: false };
      return renderJunit({
        ...run,
        scenario: { ...run.scenario, name },
        arms: run.arms.map((arm) => ({ ...arm, build })),
      });
    });
    expect(await faults(...documents)).toEqual([]);
  });

  test('gives back what was put in', () => {
    const sentence = 'a "quoted" <b>, an & and\na line';
    const xml = renderJunit(gateRun({ rows: [{ ...failedRow, sentence }] }));
    expect(xml).toContain('message="a &quot;quoted&quot; &lt;b&gt;, an &amp; and&#10;a line"');
  });
});

test('the schema of this test refuses what it should', async () => {
  const xml = renderJunit(gateRun());
  expect(await faults(xml.replace(' errors="0"', ''))).toHaveLength(1);
  expect(await faults(xml.replace('<properties>', '<properties><x/>'))).toHaveLength(1);
  expect(await faults(xml.replace('"2026-11-26T01:02:03"', '"2026-11-26T01:02:03.456Z"'))).not.toEqual([]);
  expect(await faults(xml.replace('name="read.qps"', 'name="validity"'))).toHaveLength(1);
});
