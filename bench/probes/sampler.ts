import type { Reading } from '../model.ts';
import { monotonicMs } from '../monotonic-clock.ts';
import type { Probe } from './probe.ts';

export interface SamplerOptions {
  /** Owned from here on: disposing the sampler disposes them. */
  readonly probes: readonly Probe[];
  /** Length of a tick. Not aligned to anything, so that it cannot stay in phase with the traffic. */
  readonly intervalMs: number;
  /** Asked at every tick; nothing is sampled at one that nobody wants. Default: all are wanted. */
  readonly isWanted?: () => boolean;
  /** All readings that came in during one tick. */
  readonly onReadings: (readings: readonly Reading[]) => void;
  /** A problem of a probe; the same one is told again only after it had gone. */
  readonly onError: (probe: string, error: unknown) => void;
  /** Ends the sampling. The probes stay open until the sampler is disposed. */
  readonly signal: AbortSignal;
  /** How long `sampleNow` waits for a slow probe. */
  readonly boundaryTimeoutMs?: number;
  readonly clock?: () => number;
}

export interface Sampler extends AsyncDisposable {
  /**
   * Samples every probe now, whatever its own rhythm, and resolves when the readings were handed over.
   * A probe that is slower than `boundaryTimeoutMs` (1,000) is not waited for; its readings follow later.
   */
  sampleNow(): Promise<void>;
}

/**
 * Samples all probes at every tick. Each probe runs by itself: a slow or failing one neither delays nor
 * breaks the others, and a probe that is still busy sits the tick out.
 */
export function startSampler(options: SamplerOptions): Sampler {
  return new RunningSampler(options);
}

/** One probe with the state of its sampling. */
interface Station {
  readonly probe: Probe;
  running: Promise<void> | undefined;
  /** The sample asked for by `sampleNow` behind the running one. */
  next: Promise<void> | undefined;
  startedAtMs: number;
  problems: ReadonlySet<string>;
}

class RunningSampler implements Sampler {
  readonly #options: SamplerOptions;
  readonly #clock: () => number;
  readonly #stations: readonly Station[];
  readonly #timer: NodeJS.Timeout;
  readonly #stop: () => void;
  #readings: Reading[] = [];
  #closing = false;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonicMs;
    this.#stations = options.probes.map((probe) => ({
      probe,
      running: undefined,
      next: undefined,
      startedAtMs: Number.NEGATIVE_INFINITY,
      problems: new Set<string>(),
    }));
    this.#timer = setInterval(() => this.#tick(), options.intervalMs);
    this.#stop = () => clearInterval(this.#timer);
    if (options.signal.aborted) this.#stop();
    else options.signal.addEventListener('abort', this.#stop, { once: true });
  }

  async sampleNow(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.boundaryTimeoutMs ?? 1_000);
    });
    await Promise.race([Promise.all(this.#stations.map((station) => this.#sampleAfresh(station))), tooLate]);
    clearTimeout(timer);
    this.#deliver();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    this.#closing = true;
    this.#options.signal.removeEventListener('abort', this.#stop);
    // The probes first: closing their sockets is what ends a sample that hangs.
    const closed = await Promise.allSettled(
      this.#stations.map(async ({ probe }) => await probe[Symbol.asyncDispose]()),
    );
    await Promise.all(this.#stations.map(({ running }) => running));
    this.#deliver();
    const failures = closed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failures.length > 0) throw new AggregateError(failures, 'probes could not be closed');
  }

  #tick(): void {
    this.#deliver();
    if (this.#options.isWanted?.() === false) return;
    const now = this.#clock();
    // Half a tick of slack: timers fire a little early or late.
    const slackMs = this.#options.intervalMs / 2;
    for (const station of this.#stations) {
      const due = now - station.startedAtMs >= (station.probe.everyMs ?? 0) - slackMs;
      if (station.running === undefined && due) this.#sample(station);
    }
  }

  /** A sample that begins after this call; behind the running one, if there is one. */
  #sampleAfresh(station: Station): Promise<void> {
    if (station.running === undefined) return this.#sample(station);
    station.next ??= station.running.then(() => {
      station.next = undefined;
      return this.#sample(station);
    });
    return station.next;
  }

  #sample(station: Station): Promise<void> {
    station.startedAtMs = this.#clock();
    const sample = this.#observe(station).finally(() => {
      station.running = undefined;
      if (this.#stations.every(({ running }) => running === undefined)) this.#deliver();
    });
    station.running = sample;
    return sample;
  }

  async #observe(station: Station): Promise<void> {
    const { probe } = station;
    const problems = new Set<string>();
    const report = (error: unknown): void => {
      // A sample that our own closing cut off is no problem of the node.
      if (this.#closing) return;
      const text = error instanceof Error ? error.message : String(error);
      if (!station.problems.has(text) && !problems.has(text)) this.#options.onError(probe.name, error);
      problems.add(text);
    };
    try {
      for (const reading of await probe.sample(report)) this.#readings.push(reading);
    } catch (error) {
      report(error);
    }
    station.problems = problems;
  }

  #deliver(): void {
    if (this.#readings.length === 0) return;
    const readings = this.#readings;
    this.#readings = [];
    try {
      this.#options.onReadings(readings);
    } catch (error) {
      this.#options.onError('sampler', error);
    }
  }
}
