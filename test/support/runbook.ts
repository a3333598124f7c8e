import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface RunbookBlock {
  /** Heading of its section. */
  readonly section: string;
  /** `look` changes nothing, `change` does. */
  readonly kind: 'look' | 'change';
  readonly commands: readonly string[];
}

const page = readFileSync(resolve(import.meta.dirname, '../../docs/runbooks.md'), 'utf8');

/** The page's command blocks, `sh` for looking and `bash` for changing, in order. */
export function runbookBlocks(): readonly RunbookBlock[] {
  return page.split(/^## /m).flatMap((section) =>
    [...section.matchAll(/^```(sh|bash)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
      section: section.slice(0, section.indexOf('\n')),
      kind: language === 'sh' ? ('look' as const) : ('change' as const),
      commands: (text ?? '').trim().split('\n'),
    })),
  );
}

/** The commands of replibench that the page names, in text and in blocks. */
export function runbookCommandLines(): readonly string[] {
  return [...page.matchAll(/npm run (?:--silent )?replibench -- ([^`\n|]+)/g)].map((match) =>
    (match[1] ?? '').trim(),
  );
}
