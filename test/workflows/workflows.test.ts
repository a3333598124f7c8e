/** What can be said of the workflows without GitHub: what they may do, what they run, and that this exists. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { stepsOf, type WorkflowFile, workflowFiles } from './workflow-files.ts';

const files = workflowFiles();
const named = (name: string): WorkflowFile => {
  const found = files.find((workflow) => workflow.file === name);
  if (found === undefined) throw new Error(`there is no workflow ${name}`);
  return found;
};
const gate = named('performance.yml');
const comment = named('performance-comment.yml');
const selfTest = named('performance-self-test.yml');
const expression = (text: string): string => `\${{ ${text} }}`;
const artifacts = (workflow: WorkflowFile, action: string): readonly unknown[] =>
  stepsOf(workflow).flatMap(({ uses, with: inputs }) =>
    uses?.startsWith(`actions/${action}@`) ? [inputs?.['name']] : [],
  );

test('there are the three that the documentation speaks of', () => {
  expect(files.map(({ file }) => file)).toEqual([comment.file, selfTest.file, gate.file]);
  const page = readFileSync('docs/gate-in-ci.md', 'utf8');
  for (const { file } of files) expect(page).toContain(`\`.github/workflows/${file}\``);
});

describe.each(files)('$file', (workflow) => {
  it('pins every action by its commit, with the version beside it', () => {
    const uses = [...workflow.text.matchAll(/uses: (.*)/g)].map(([, what]) => what);
    expect(uses.length).toBe(stepsOf(workflow).filter((step) => step.uses !== undefined).length);
    for (const what of uses) expect(what).toMatch(/^actions\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('puts nothing of the event into the text of a script', () => {
    for (const { run, with: inputs } of stepsOf(workflow)) {
      expect(run ?? '').not.toContain('${{');
      expect(inputs?.['script'] ?? '').not.toContain('${{');
    }
  });

  it('uses of the event only what nobody can choose freely, outside of names of groups and conditions', () => {
    const known =
      /^(runner\.temp|github\.(ref|run_id|token)|(?:!cancelled|always)\(\)|github\.event\.workflow_run\.(id|head_repository\.id|head_branch))$/;
    for (const [, expression = ''] of workflow.text.matchAll(/\$\{\{\s*(.*?)\s*\}\}/g))
      expect(expression).toMatch(known);
    const free = workflow.text.split('\n').filter((line) => line.includes('head_branch }}'));
    for (const line of free) expect(line).toMatch(/^ {2}group: /);
  });

  it('leaves no token in the working copy, and ends by itself', () => {
    for (const { uses, with: inputs } of stepsOf(workflow))
      if (uses?.startsWith('actions/checkout@')) expect(inputs?.['persist-credentials']).toBe(false);
    for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeLessThanOrEqual(150);
  });
});

describe('who may write', () => {
  const rights = ({ permissions, jobs }: WorkflowFile): readonly string[] =>
    [permissions, ...Object.values(jobs).map((job) => job.permissions ?? {})].flatMap((granted) =>
      Object.entries(granted).map(([what, right]) => `${what}: ${right}`),
    );

  test('where code of a pull request runs, the token can read and nothing else', () => {
    expect(rights(gate)).toEqual(['contents: read']);
    expect(rights(selfTest)).toEqual(['contents: read']);
    expect(Object.keys(gate.on)).toEqual(['pull_request']);
  });

  test('where the token can write comments, no code of a pull request can run', () => {
    expect(rights(comment)).toEqual(['actions: read', 'pull-requests: write']);
    expect(Object.keys(comment.on)).toEqual(['workflow_run']);
    for (const { uses, run } of stepsOf(comment)) {
      expect(run).toBeUndefined();
      expect(uses).toMatch(/^actions\/(download-artifact|github-script)@/);
    }
    const download = stepsOf(comment)[0]?.with?.['path'];
    expect(download).toBe(`${expression('runner.temp')}/comment`);
  });
});

describe('they fit together', () => {
  test('the comment waits for the gate and takes the artifact that the gate leaves', () => {
    expect(comment.on['workflow_run']).toMatchObject({ workflows: [gate.name], types: ['completed'] });
    expect(artifacts(gate, 'upload-artifact')).toEqual(['performance-comment', 'performance-run']);
    expect(artifacts(comment, 'download-artifact')).toEqual(['performance-comment']);
  });

  test('the gate finds the record where the self-test keeps it', () => {
    const caches = [gate, selfTest].flatMap((workflow) =>
      stepsOf(workflow).filter(({ uses }) => uses?.startsWith('actions/cache/')),
    );
    expect(caches).toHaveLength(3);
    expect(new Set(caches.map((step) => step.with?.['path'])).size).toBe(1);
    // The default file of `gate`, in the folder that both hand over as --out.
    expect(caches[0]?.with?.['path']).toBe(`${expression('runner.temp')}/gate/gate-history.ndjson`);
    for (const { text } of [gate, selfTest]) expect(text).toContain('--out "$RUNNER_TEMP/gate"');
    const keys = caches.map(({ with: inputs }) => [inputs?.['key'], inputs?.['restore-keys']]);
    for (const [key, restored] of keys) {
      expect(key).toBe(`gate-history-${expression('github.run_id')}`);
      if (restored !== undefined) expect(restored).toBe('gate-history-');
    }
  });

  test('the base of the pull request is there to be compared with', () => {
    const checkout = stepsOf(gate).find(({ uses }) => uses?.startsWith('actions/checkout@'));
    const [measurement] = commandsOf(gate).filter((command) => command.includes('bench:gate'));
    expect(measurement).toContain('--against HEAD^1');
    expect(checkout?.with?.['fetch-depth']).toBe(2);
  });
});

describe('what they run exists', () => {
  const scripts: Record<string, string> = JSON.parse(readFileSync('package.json', 'utf8')).scripts;
  const commands = files.flatMap(commandsOf);

  it.each(commands)('%s', async (command) => {
    if (command === 'npm ci --no-audit --no-fund') return;
    const [, script = '', words = ''] = /^npm run --silent ([\w:]+) -- (.*)$/.exec(command) ?? [];
    const [, subcommand] = /^node bench\/cli\.ts (\w+)$/.exec(scripts[script] ?? '') ?? [];
    expect(subcommand, command).toBeDefined();
    const { output } = await runCli([subcommand ?? '', '--help']);
    const flags = words.split(/\s+/).filter((word) => word.startsWith('--'));
    expect(flags.length).toBeGreaterThan(0);
    for (const flag of flags) expect(output).toMatch(new RegExp(`^ .*${flag}\\b`, 'm'));
  });

  test('each workflow that measures installs first', () => {
    expect(commands).toHaveLength(4);
    for (const workflow of [gate, selfTest]) expect(commandsOf(workflow)[0]).toMatch(/^npm ci /);
  });
});

function commandsOf(workflow: WorkflowFile): readonly string[] {
  return stepsOf(workflow).flatMap(({ run }) => (run === undefined ? [] : [run.trim()]));
}
