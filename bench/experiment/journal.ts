import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { EnvironmentError, type JournalEntry } from '../model.ts';

/** Append-only record of a run. Entries are on disk when `flush` or `close` resolves. */
export interface Journal extends AsyncDisposable {
  append(entry: JournalEntry): void;
  /** Writes what was appended and asks the disk to keep it; called after each slice. */
  flush(): Promise<void>;
}

/** A journal that tells somebody else, too, in the same order; its end stays with the first. */
export function observedJournal(
  journal: Journal,
  observe: ((entry: JournalEntry) => void) | undefined,
): Pick<Journal, 'append' | 'flush'> {
  if (observe === undefined) return journal;
  return {
    append(entry) {
      journal.append(entry);
      observe(entry);
    },
    flush: () => journal.flush(),
  };
}

/** Bytes that may wait in memory before they are written without an explicit flush. */
const bufferBytes = 64 * 1024;

/** @throws EnvironmentError when the disk does not take what is written */
export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, 'a');
  let pending: string[] = [];
  let pendingBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  let unsynced = false;
  let state: 'good' | 'failed' | 'reported' = 'good';
  let failure: EnvironmentError | undefined;

  const write = (sync: boolean): Promise<void> => {
    const text = pending.join('');
    pending = [];
    pendingBytes = 0;
    // One write after the other: lines of two writes must not mix.
    writing = writing.then(() => append(text, sync));
    return writing;
  };
  const append = async (text: string, sync: boolean) => {
    // After a failure nothing more is written: half a line in the middle would spoil what is there.
    if (state !== 'good') return;
    try {
      if (text !== '') await file.appendFile(text);
      unsynced ||= text !== '';
      if (sync && unsynced) await file.datasync();
      unsynced &&= !sync;
    } catch (cause) {
      failure = diskError(path, cause);
      state = 'failed';
    }
  };
  /** A failure is reported once: at the flush that met it, or else at the end. */
  const throwFailure = () => {
    if (state !== 'failed') return;
    state = 'reported';
    throw failure;
  };

  return {
    append(entry) {
      const line = `${JSON.stringify(entry)}\n`;
      pending.push(line);
      pendingBytes += line.length;
      if (pendingBytes >= bufferBytes) void write(false);
    },
    async flush() {
      await write(true);
      throwFailure();
    },
    async [Symbol.asyncDispose]() {
      await write(true);
      await file.close();
      throwFailure();
    },
  };
}

/** A journal that keeps entries in memory, for the orchestrator's tests. */
export function memoryJournal(): Journal & { readonly entries: readonly JournalEntry[] } {
  const entries: JournalEntry[] = [];
  return {
    entries,
    append: (entry) => void entries.push(entry),
    flush: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Reads a journal line by line. A last line that was cut off by a kill is left out; a broken line
 * before it is an error, because something else has written into the file.
 */
export async function* readJournal(path: string): AsyncGenerator<JournalEntry> {
  const lines = createInterface({
    input: createReadStream(path, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let number = 0;
  let broken: { readonly number: number; readonly cause: unknown } | undefined;
  for await (const line of lines) {
    number += 1;
    if (line === '') continue;
    if (broken !== undefined) {
      throw new EnvironmentError(`${path}: line ${broken.number} is not JSON`, { cause: broken.cause });
    }
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch (cause) {
      broken = { number, cause };
      continue;
    }
    if (!isEntry(entry)) {
      throw new EnvironmentError(
        `${path}: line ${number} is not an entry of a replibench journal: ${line.slice(0, 60)}`,
      );
    }
    yield entry;
  }
}

/** Enough to tell a journal of ours from anything else; its inside was written by us. */
function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== 'object' || value === null || typeof Reflect.get(value, 'type') !== 'string')
    return false;
  if (Reflect.get(value, 'type') !== 'plan') return true;
  const plan: unknown = Reflect.get(value, 'plan');
  return (
    typeof plan === 'object' &&
    plan !== null &&
    Reflect.get(plan, 'schemaVersion') === 1 &&
    Array.isArray(Reflect.get(plan, 'arms'))
  );
}

function diskError(path: string, cause: unknown): EnvironmentError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EnvironmentError(
    `the journal ${path} cannot be written: ${reason}; free some disk space or use --out`,
    {
      cause,
    },
  );
}
