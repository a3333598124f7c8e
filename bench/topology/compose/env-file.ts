/** The env file of a compose stack: read as Compose reads it, changed without touching anything else. */
import { randomBytes } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Variables that say which hosts the applications use. */
export const hostVariables = /^DB_(HOST|REPLICA\d+_HOST)$/;

type Variables = Readonly<Record<string, string>>;

/** Simple `NAME=value` lines; `{}` when there is no such file. */
export async function readEnvFile(path: string): Promise<Variables> {
  return parseEnv(await textOf(path));
}

/** The variables of an env file's text; quotes around a value are taken off. */
export function parseEnv(text: string): Variables {
  return Object.fromEntries(
    text.split('\n').flatMap((line): [string, string][] => {
      const match = assignment.exec(line);
      if (match === null) return [];
      return [[match[1] ?? '', (match[2] ?? '').trim().replace(/^(["'])(.*)\1$/, '$2')]];
    }),
  );
}

/** The text with these variables set: in place where they are assigned, at the end where they are not. */
export function withVariables(text: string, variables: Variables): string {
  const left = new Map(Object.entries(variables));
  // Of several assignments the last one counts, so all of them are changed.
  const lines = text.split('\n').map((line) => {
    const name = assignment.exec(line)?.[1] ?? '';
    const value = variables[name];
    if (value === undefined) return line;
    left.delete(name);
    return `${name}=${value}`;
  });
  const added = [...left].map(([name, value]) => `${name}=${value}`);
  if (added.length === 0) return lines.join('\n');
  while (lines.at(-1) === '') lines.pop();
  return [...lines, ...added, ''].join('\n');
}

/**
 * Sets variables in an env file, which is made when it is not there. At any time the file is either the
 * old or the new one, whole and on the disk; its permissions stay, and its owner where the system lets us.
 */
export async function setVariables(link: string, variables: Variables): Promise<void> {
  const found = await stat(link).catch(() => null);
  // Renaming over a symbolic link would leave the file that it names as it was.
  const path = found === null ? link : await realpath(link);
  const old = await textOf(path);
  const text = withVariables(old, variables);
  if (text === old) return;
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`);
  try {
    // Exclusive and private from the start: the file holds passwords.
    await using file = await open(temporary, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    if (found !== null) {
      await file.chown(found.uid, found.gid).catch(() => undefined); // only root gives files away
      await file.chmod(found.mode & 0o777);
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

const assignment = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/;

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
