/** No command in the documentation that nothing runs, and none that no longer exists. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { blocksIn, commandsIn, documentedCommands, pages, root } from './docs/commands.ts';
import { coverage, isLive } from './docs/coverage.ts';
import { runCli } from './support/cli.ts';

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const commands = documentedCommands();

test('commands are found: comments and blank lines go, continued lines are joined', () => {
  const block = '```sh\n# first\nnpm ci    # install\n\nnpm run bench -- \\\n  --quick\n```\n';
  expect(commandsIn(`text\n${block}\n\`\`\`ts\nconst a = 1;\n\`\`\``)).toEqual([
    'npm ci',
    'npm run bench -- --quick',
  ]);
  expect(commands.length).toBeGreaterThan(15);
});

test.each(pages())('%s has its commands in bash or sh blocks', (page) => {
  for (const { language, text } of blocksIn(read(page)))
    if (!['bash', 'sh'].includes(language))
      expect(text, language).not.toMatch(/^\$? ?(npm|npx|docker|psql|curl|replibench) /m);
});

test.each(commands)('$page: $command is run by a test', ({ command }) => {
  expect(coverage.filter((entry) => entry.command === command)).toHaveLength(1);
});

test.each(coverage.map((entry) => entry.command))('%s is still documented', (command) => {
  expect(commands.map((documented) => documented.command)).toContain(command);
});

test.each(coverage.filter((entry) => !isLive(entry)))('$by does run: $command', (entry) => {
  if (!isLive(entry)) expect(read(entry.by)).toContain(entry.evidence);
});

describe('what is handed to replibench exists', () => {
  const calls = commands.flatMap(({ command }) => callsOf(command));
  const helps = new Map<string, Promise<string>>();
  const helpOf = (subcommand: string): Promise<string> => {
    const help = helps.get(subcommand) ?? runCli([subcommand, '--help']).then(({ output }) => output);
    helps.set(subcommand, help);
    return help;
  };

  it.each(calls)('$subcommand $flags', async ({ subcommand, flags }) => {
    const help = await helpOf(subcommand);
    expect(help).toContain(`Usage: replibench ${subcommand}`);
    for (const flag of flags) expect(help).toMatch(new RegExp(`^ .*${flag}\\b`, 'm'));
  });
});

/** Subcommand and flags of every call of the program in one line of shell. */
function callsOf(command: string): { subcommand: string; flags: readonly string[] }[] {
  const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;
  return command.split(/&&|\|\||;|\|/).flatMap((part) => {
    const script = /^npm run ([\w:]+)(?: -- (.*))?$/.exec(part.trim());
    const line = script
      ? `${scripts[script[1] ?? '']} ${script[2] ?? ''}`
      : part.trim().replace(/^(npx )?replibench /, 'node bench/cli.ts ');
    const [, words] = /^node bench\/cli\.ts (.*)$/.exec(line) ?? [];
    if (words === undefined) return [];
    const [subcommand = '', ...rest] = words.trim().split(/\s+/);
    return [
      {
        subcommand,
        flags: rest.filter((word) => word.startsWith('-')).map((word) => word.split('=')[0] ?? ''),
      },
    ];
  });
}
