/** The commands that README.md and docs/ tell people to run. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

export interface DocumentedCommand {
  readonly page: string;
  /** One line of shell, without its comment; lines joined by a backslash are one. */
  readonly command: string;
}

/** Every line of every ```bash and ```sh block, in order. */
export function documentedCommands(): readonly DocumentedCommand[] {
  return pages().flatMap((page) =>
    commandsIn(readFileSync(path.join(root, page), 'utf8')).map((command) => ({ page, command })),
  );
}

export function pages(): readonly string[] {
  const docs = readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => `docs/${name}`)];
}

export function commandsIn(markdown: string): readonly string[] {
  return blocksIn(markdown)
    .filter(({ language }) => language === 'bash' || language === 'sh')
    .flatMap(({ text }) => text.replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/(^|\s+)#.*$/, '').trim())
    .filter((line) => line !== '');
}

export interface Block {
  /** Empty when the fence names none. */
  readonly language: string;
  readonly text: string;
}

export function blocksIn(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```([\w-]*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}
