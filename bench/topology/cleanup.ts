import { EnvironmentError } from '../model.ts';

/**
 * Undo steps, done once and in reverse order, every one of them whatever the others do.
 * (`AsyncDisposableStack` does the same but is younger than the oldest Node we build for.)
 */
export class Cleanup implements AsyncDisposable {
  readonly #steps: (() => unknown)[] = [];
  #done: Promise<void> | undefined;

  add(undo: () => unknown): void {
    this.#steps.push(undo);
  }

  use<T extends AsyncDisposable>(resource: T): T {
    this.add(() => resource[Symbol.asyncDispose]());
    return resource;
  }

  /** Throws an AggregateError of everything that could not be undone. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#done ??= this.#run();
    return this.#done;
  }

  /** Cleans up after `error` and returns what to throw: `error` itself, unless cleaning up failed too. */
  async after(error: unknown): Promise<unknown> {
    try {
      await this[Symbol.asyncDispose]();
      return error;
    } catch (cleanupError) {
      const message = error instanceof Error ? error.message : String(error);
      return new EnvironmentError(`${message} (and cleaning up failed)`, {
        cause: new AggregateError([error, cleanupError]),
      });
    }
  }

  async #run(): Promise<void> {
    const errors: unknown[] = [];
    for (const undo of this.#steps.reverse()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    throwAll(errors);
  }
}

/** Resources that do not depend on each other: all are disposed of at the same time, whatever the others do. */
export class Together implements AsyncDisposable {
  readonly #resources: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Throws an AggregateError of everything that could not be undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ends = await Promise.allSettled(this.#resources.map((one) => one[Symbol.asyncDispose]()));
    throwAll(ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : [])));
  }
}

function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const sentences = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new AggregateError(errors, `cleaning up failed: ${sentences.join('; ')}`);
}
