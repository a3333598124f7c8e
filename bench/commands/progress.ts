import type { ExperimentEvent } from '../experiment/ports.ts';
import type { LoadProgress } from '../model.ts';

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** A terminal gets one line that changes; anything else gets a plain line per finished step. */
  readonly isTty: boolean;
  readonly columns: number;
  readonly clock: () => number;
  /** First guess of the whole length, until finished visits tell better. */
  readonly expectedSeconds: number;
}

export interface ProgressView {
  onEvent(event: ExperimentEvent): void;
  /** Ends the changing line; call before anything else is printed. */
  close(): void;
}

interface SliceState {
  readonly arm: string;
  readonly block: number;
  readonly name: string;
  readonly seconds: number;
  readonly startedMs: number;
  completed: number;
  rateHz: number;
  p95Ms: number | null;
  maxLagMs: number | null;
  lagMs: number | null;
}

/** Shows where a run is: step, block, rate, P95, lag, time left. */
export function createProgress(options: ProgressOptions): ProgressView {
  const { write, isTty, clock } = options;
  const begunMs = clock();
  let slice: SliceState | undefined;
  let blocks = 0;
  let share = 0;
  let visit: { readonly startedMs: number; readonly msPerShare: number | null } | undefined;
  let measuringSinceMs: number | undefined;

  const line = (text: string) => write(isTty ? `\r\x1b[2K${text}\n` : `${text}\n`);
  const status = (text: string) => {
    if (isTty) write(`\r\x1b[2K${text.slice(0, options.columns - 1)}`);
  };

  /** By the pace of the finished visits; within a visit that pace stands still, or the rest would grow. */
  const left = (): string => {
    const now = clock();
    const expectedMs =
      visit === undefined || visit.msPerShare === null
        ? options.expectedSeconds * 1000 - (now - begunMs)
        : visit.msPerShare * (1 - share) - (now - visit.startedMs);
    return `${duration(Math.max(0, expectedMs))} left`;
  };

  const finishSlice = () => {
    if (slice !== undefined) line(sliceLine(slice, blocks));
    slice = undefined;
  };

  return {
    onEvent(event) {
      switch (event.kind) {
        case 'step':
          // Copies are written out beside the warm-up: such a step does not end the slice.
          if (slice !== undefined) break;
          if (event.step.durationMs >= 100 && share === 0)
            line(stepLine(event.step.name, event.step.durationMs));
          status(`${event.step.name} · ${left()}`);
          break;
        case 'visit':
          finishSlice();
          blocks = event.blocks;
          measuringSinceMs ??= clock();
          share = event.finishedSlices / event.plannedSlices;
          visit = {
            startedMs: clock(),
            msPerShare: share === 0 ? null : (clock() - measuringSinceMs) / share,
          };
          status(`${blockName(event.block, blocks)} · ${event.arm} · starting · ${left()}`);
          break;
        case 'slice':
          finishSlice();
          slice = {
            arm: event.arm,
            block: event.block,
            name: event.slice,
            seconds: event.seconds,
            startedMs: clock(),
            completed: 0,
            rateHz: 0,
            p95Ms: null,
            maxLagMs: null,
            lagMs: null,
          };
          break;
        case 'progress':
          if (slice !== undefined) {
            updateSlice(slice, event.progress, clock());
            status(`${statusLine(slice, blocks, clock())} · ${left()}`);
          }
          break;
        case 'lag':
          if (slice !== undefined) {
            slice.lagMs = event.lagMs;
            slice.maxLagMs = Math.max(slice.maxLagMs ?? 0, event.lagMs);
          }
          break;
        case 'calibrated':
          finishSlice();
          line(
            `  baseline capacity ${event.capacityHz.toFixed(0)} req/s; steady slices offer ${event.steadyRateHz.toFixed(0)} req/s`,
          );
          break;
        case 'finding':
          if (event.finding.severity !== 'info') line(`  ! ${event.finding.message}`);
          break;
      }
    },
    close() {
      finishSlice();
      if (isTty) write('\r\x1b[2K');
    },
  };
}

function updateSlice(slice: SliceState, progress: LoadProgress, nowMs: number): void {
  slice.completed = progress.completed;
  slice.rateHz = (progress.completed / Math.max(1, nowMs - slice.startedMs)) * 1000;
  const p95s = [progress.interval.read.p95Ms, progress.interval.write.p95Ms].filter((p) => p !== null);
  if (p95s.length > 0) slice.p95Ms = Math.max(...p95s);
}

function statusLine(slice: SliceState, blocks: number, nowMs: number): string {
  const second = Math.min(slice.seconds, (nowMs - slice.startedMs) / 1000).toFixed(0);
  return `${label(slice, blocks)} · ${second}/${slice.seconds} s · ${figures(slice, slice.lagMs)}`;
}

function sliceLine(slice: SliceState, blocks: number): string {
  return `  ${label(slice, blocks).padEnd(44)}${figures(slice, slice.maxLagMs)}`;
}

function label(slice: SliceState, blocks: number): string {
  return `${blockName(slice.block, blocks)} · ${slice.arm} · ${slice.name}`;
}

function figures(slice: SliceState, lagMs: number | null): string {
  const p95 = slice.p95Ms === null ? '' : `P95 ${slice.p95Ms.toFixed(1)} ms`;
  const lag = lagMs === null ? '' : `lag ${lagMs.toFixed(0)} ms`;
  return `${`${slice.rateHz.toFixed(0)} req/s`.padStart(10)}  ${p95.padEnd(14)}${lag}`.trimEnd();
}

function stepLine(name: string, durationMs: number): string {
  return `  ${name.padEnd(44)}${(durationMs / 1000).toFixed(2).padStart(6)} s`;
}

function blockName(block: number, blocks: number): string {
  return block === 0 ? 'calibration' : `block ${block}/${blocks}`;
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
