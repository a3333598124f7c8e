import { open } from 'node:fs/promises';

/** Lines of a log that an error sentence may carry. */
const mostLines = 15;

/**
 * The end of a log as an appendix to an error sentence: at most 8 kB and 15 lines; '' when there is
 * none. `secrets` are blotted out: what an application prints about its connection must not end up
 * in a report.
 */
export async function lastLines(path: string, secrets: readonly string[] = []): Promise<string> {
  let text: string;
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const length = Math.min(size, 8192);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    text = buffer.toString('utf8').trimEnd();
  } catch {
    return ''; // the log may be gone with its folder
  }
  if (text === '') return '';
  return `. The last lines of its output:\n${withoutSecrets(text, secrets)
    .split('\n')
    .slice(-mostLines)
    .map((line) => `  ${line}`)
    .join('\n')}`;
}

/** Each secret, as it is and as it stands in a URL, becomes `***`. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .reduce(
      (rest, secret) => rest.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***'),
      text,
    );
}
