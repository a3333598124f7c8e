import { open } from 'node:fs/promises';

/** The end of a log as an appendix to an error sentence: at most 8 kB and `count` lines; '' when there is none. */
export async function lastLines(path: string, count = 15): Promise<string> {
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
  return `. The last lines of its output:\n${text
    .split('\n')
    .slice(-count)
    .map((line) => `  ${line}`)
    .join('\n')}`;
}
