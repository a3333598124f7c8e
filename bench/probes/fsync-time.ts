import { mkdtemp, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { monotonicMs } from '../monotonic-clock.ts';
import { toMicrosecond } from './microsecond.ts';

/**
 * Median time of an 8 kB write with fdatasync at the same place of a file in `folder`, milliseconds:
 * what a commit waits for at least. Up to 50 writes or half a second. Null when the folder cannot be
 * written.
 */
export async function measureFsyncMs(
  folder: string,
  clock: () => number = monotonicMs,
): Promise<number | null> {
  let scratch: string;
  try {
    scratch = await mkdtemp(path.join(folder, '.fsync-'));
  } catch {
    return null;
  }
  try {
    await using file = await open(path.join(scratch, 'page'), 'w');
    const page = Buffer.alloc(8_192, 1);
    // The first write allocates the blocks, which no later one does.
    await file.write(page, 0, page.length, 0);
    await file.datasync();
    const timesMs: number[] = [];
    const untilMs = clock() + 500;
    while (timesMs.length < 50 && (timesMs.length < 3 || clock() < untilMs)) {
      const begun = clock();
      await file.write(page, 0, page.length, 0);
      await file.datasync();
      timesMs.push(clock() - begun);
    }
    timesMs.sort((a, b) => a - b);
    return toMicrosecond(timesMs[timesMs.length >> 1] ?? Number.NaN);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
