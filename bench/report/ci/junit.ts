import type { Verdict } from '../../model.ts';
import { type GateOutcome, gateOutcome } from '../gate/outcome.ts';
import { type GateRun, unansweredMetrics } from '../gate/words.ts';
import { renderGateTerminal } from '../terminal-gate.ts';
import { junitProperties } from './junit-properties.ts';
import { element, escapeText } from './xml.ts';

/**
 * The gate as JUnit XML, for whatever shows test results: a test case for the validity of the measurement,
 * one a metric, one a guard. A regression is a failure, an open question is skipped, an invalid measurement
 * is one error, beside which nothing else is judged. All numbers are properties of the suite, because the
 * schema of Ant's reports knows no other; the document keeps to what that one and Jenkins' have in common.
 */
export function renderJunit(result: GateRun): string {
  const outcome = gateOutcome(result);
  const cases = [validityCase(outcome), ...judgedCases(result, outcome)];
  const count = (kind: Case['kind']): string => String(cases.filter((one) => one.kind === kind).length);
  const suiteName = `gate.${result.scenario.name}`;
  const suite = element(
    'testsuite',
    {
      id: '0',
      package: 'replibench',
      name: suiteName,
      // The schema wants neither fractions nor a zone.
      timestamp: result.startedAt.slice(0, 19),
      hostname: 'localhost',
      tests: String(cases.length),
      failures: count('failure'),
      errors: count('error'),
      skipped: count('skipped'),
      time: measuredSeconds(result).toFixed(3),
    },
    [
      element(
        'properties',
        {},
        junitProperties(result).map(([name, value]) => element('property', { name, value })),
      ),
      ...cases.map((one) => testCase(one, `replibench.${suiteName}`)),
      element('system-out', {}, [escapeText(renderGateTerminal(result))]),
      element('system-err', {}, [escapeText(findingsText(result))]),
    ].map((line) => `\n${line}`),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', {}, [`\n${suite}\n`])}\n`;
}

interface Case {
  readonly name: string;
  readonly kind: 'passed' | 'failure' | 'skipped' | 'error';
  readonly message: string;
}

function validityCase({ verdict, word, sentence }: GateOutcome): Case {
  const valid = verdict !== 'invalid';
  return { name: 'validity', kind: valid ? 'passed' : 'error', message: valid ? '' : `${word}: ${sentence}` };
}

function judgedCases({ gate }: GateRun, outcome: GateOutcome): readonly Case[] {
  const judged = [
    ...gate.rows.map(({ metric, verdict, sentence }) => ({ name: metric, verdict, sentence })),
    ...unansweredMetrics(gate).map((metric) => ({
      name: metric,
      verdict: 'inconclusive' as const,
      sentence: `${metric} was not measured.`,
    })),
    ...gate.guards.map(({ metric, verdict, sentence }) => ({ name: `guard ${metric}`, verdict, sentence })),
  ];
  return judged.map(({ name, verdict, sentence }) => ({
    name,
    kind: outcome.verdict === 'invalid' ? 'skipped' : kinds[verdict],
    message: outcome.verdict === 'invalid' ? `not judged: ${sentence}` : sentence,
  }));
}

const kinds: Readonly<Record<Verdict, Case['kind']>> = {
  pass: 'passed',
  fail: 'failure',
  inconclusive: 'skipped',
};

function testCase({ name, kind, message }: Case, classname: string): string {
  const types = { failure: { type: 'regression' }, error: { type: 'invalid' }, skipped: {} } as const;
  const inside = kind === 'passed' ? [] : [element(kind, { message, ...types[kind] }, [escapeText(message)])];
  // A metric has no time of its own: all are measured together.
  return element('testcase', { classname, name, time: '0' }, inside);
}

function findingsText({ validity }: GateRun): string {
  return validity.findings.map(({ severity, id, message }) => `${severity} ${id}: ${message}`).join('\n');
}

function measuredSeconds({ arms }: GateRun): number {
  const slices = arms.flatMap((arm) => arm.slices);
  return slices.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1_000;
}
