/** A password that a file holds, as container secrets do. */
import { readFileSync } from 'node:fs';
import { ConfigurationError } from '../environment.ts';

/** The file is not there, not readable or empty; it may appear later. */
export class PasswordFileError extends ConfigurationError {}

/**
 * The content without the line end that editors and `echo` add.
 * Throws PasswordFileError naming variable and file; never with what the file holds.
 */
export function readPasswordFile(variable: string, file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'it cannot be read';
    throw new PasswordFileError(`${variable} names ${file}: ${sentences[reason] ?? reason}`, { cause });
  }
  const password = content.replace(/\r?\n$/, '');
  if (password === '') throw new PasswordFileError(`${variable} names ${file}: the file is empty`);
  return password;
}

const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'that is a folder',
};
