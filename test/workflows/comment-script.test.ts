/** The script of performance-comment.yml, run as github-script runs it, against a GitHub that is pretended. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderComment } from '../../bench/report/ci/summary.ts';
import { gateRun } from '../report/gate/gate-run.ts';
import { stepsOf, workflowFiles } from './workflow-files.ts';

const marker = '<!-- replibench:gate -->';
const head = 'a'.repeat(40);
const bot = { login: 'github-actions[bot]' };

const script = workflowFiles()
  .flatMap(stepsOf)
  .map(({ with: inputs }) => inputs?.['script'])
  .find((text) => typeof text === 'string');

interface Comment {
  readonly id: number;
  readonly user: { readonly login: string } | null;
  readonly body: string;
}
interface Pull {
  readonly number: number;
  readonly head: { readonly sha: string; readonly repo: { readonly id: number } | null };
}
interface Said {
  readonly created: { readonly issue_number: number; readonly body: string }[];
  readonly updated: { readonly comment_id: number; readonly body: string }[];
  readonly notices: string[];
  readonly failures: string[];
}

const pull: Pull = { number: 7, head: { sha: head, repo: { id: 2 } } };
const other: Pull = { ...pull, number: 8 };
/** Of a fork: the event names no pull request. */
const event = {
  head_sha: head,
  head_branch: 'faster',
  head_repository: { id: 2, owner: { login: 'somebody' } },
  html_url: 'https://github.example/run/1',
  pull_requests: [] as readonly { readonly number: number }[],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replibench-test-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function leave(text: string, run = '20261126-run'): Promise<void> {
  await mkdir(join(folder, run));
  await writeFile(join(folder, run, 'comment.md'), text);
}

async function post({
  run = event as object,
  pulls = [pull] as readonly Pull[],
  comments = [] as readonly Comment[],
} = {}): Promise<Said & { readonly asked: unknown }> {
  const said: Said = { created: [], updated: [], notices: [], failures: [] };
  let asked: unknown;
  const listComments = () => undefined;
  const github = {
    rest: {
      pulls: {
        list: (parameters: unknown) => {
          asked = parameters;
          return Promise.resolve({ data: pulls });
        },
      },
      issues: {
        listComments,
        createComment: async (comment: Said['created'][number]) => void said.created.push(comment),
        updateComment: async (comment: Said['updated'][number]) => void said.updated.push(comment),
      },
    },
    paginate: (method: unknown) => Promise.resolve(method === listComments ? comments : []),
  };
  const core = {
    notice: (text: string) => void said.notices.push(text),
    setFailed: (text: string) => void said.failures.push(text),
  };
  const context = { repo: { owner: 'owner', repo: 'project' }, payload: { workflow_run: run } };
  const body = new Function(
    'github',
    'context',
    'core',
    'require',
    'process',
    `return (async () => {${script}})();`,
  );
  await body(github, context, core, createRequire(import.meta.url), { env: { FOLDER: folder } });
  return { ...said, asked };
}

describe('the comment', () => {
  test('of a fork is posted where GitHub says the branch comes from', async () => {
    await leave(renderComment(gateRun()));
    const { created, updated, asked } = await post();
    expect(asked).toMatchObject({ owner: 'owner', repo: 'project', state: 'open', head: 'somebody:faster' });
    expect(updated).toEqual([]);
    expect(created).toHaveLength(1);
    expect(created[0]).toMatchObject({ owner: 'owner', repo: 'project', issue_number: 7 });
    expect(created[0]?.body).toContain('Performance gate: FAIL');
    // First, where no text of the pull request can hide it.
    expect(created[0]?.body.split('\n').slice(0, 3)).toEqual([
      marker,
      `Written by [the run](${event.html_url}) of ${head}:`,
      '',
    ]);
  });

  test('replaces that of an earlier run, and none of anybody else', async () => {
    await leave(`${marker}\nnew`);
    const comments = [
      { id: 1, user: { login: 'somebody' }, body: `${marker}\nforged` },
      { id: 2, user: bot, body: 'something else' },
      { id: 3, user: bot, body: `${marker}\nold` },
      { id: 4, user: null, body: `${marker}\nof a deleted user` },
    ];
    const { created, updated } = await post({ comments });
    expect(created).toEqual([]);
    expect(updated.map(({ comment_id }) => comment_id)).toEqual([3]);
    expect(updated[0]?.body).toContain('new');
  });

  test('of a branch with two pull requests goes to the one that the event names', async () => {
    await leave(`${marker}\ntext`);
    const { created } = await post({
      run: { ...event, pull_requests: [{ number: 8 }] },
      pulls: [pull, other],
    });
    expect(created.map(({ issue_number }) => issue_number)).toEqual([8]);
  });

  test('notifies nobody', async () => {
    await leave(`${marker}\n@owner look, &#64;owner, &#x0040;owner &commat;owner &amp;`);
    const { created } = await post();
    expect(created[0]?.body).toContain('owner look');
    expect(created[0]?.body.match(/(@|&#64;|&#x0040;|&commat;)owner/g)).toBeNull();
    expect(created[0]?.body).toContain('&amp;');
  });
});

describe('nothing is posted', () => {
  test.each([
    ['when the pull request has newer commits', [{ ...pull, head: { ...pull.head, sha: 'b'.repeat(40) } }]],
    ['when it is closed', []],
    [
      "when the branch of that name is another repository's",
      [{ ...pull, head: { ...pull.head, repo: { id: 3 } } }],
    ],
    ['when its repository was deleted', [{ ...pull, head: { ...pull.head, repo: null } }]],
    ['when two pull requests come from the same branch', [pull, other]],
  ])('%s', async (_name, pulls) => {
    await leave(`${marker}\ntext`);
    const { created, updated, notices, failures } = await post({ pulls });
    expect([created, updated, failures]).toEqual([[], [], []]);
    expect(notices).toHaveLength(1);
  });

  test('when the fork is gone', async () => {
    await leave(`${marker}\ntext`);
    const { created, notices } = await post({ run: { ...event, head_repository: null } });
    expect([created, notices.length]).toEqual([[], 1]);
  });

  test.each([
    ['a text without the marker', 'text'],
    ['a text that only contains the marker', `text\n${marker}\n`],
    ['an endless text', `${marker}\n${'x'.repeat(64_000)}`],
  ])('of %s', async (_name, text) => {
    await leave(text);
    const { created, failures } = await post();
    expect([created, failures.length]).toEqual([[], 1]);
  });

  test('of an artifact with two comments, with none, or with a link to another file', async () => {
    expect((await post()).failures).toHaveLength(1);
    await mkdir(join(folder, 'linked'));
    const secret = join(folder, 'secret');
    await writeFile(secret, `${marker}\nof the runner`);
    await symlink(secret, join(folder, 'linked', 'comment.md'));
    expect(await post()).toMatchObject({
      created: [],
      failures: [expect.stringContaining('not one comment.md')],
    });
    await rm(join(folder, 'linked'), { recursive: true });
    await leave(`${marker}\none`, 'one');
    await leave(`${marker}\ntwo`, 'two');
    expect(await post()).toMatchObject({
      created: [],
      failures: [expect.stringContaining('not one comment.md')],
    });
  });
});
