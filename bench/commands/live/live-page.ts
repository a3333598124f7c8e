import { createViewFold, type RunView } from '../../analysis/run-view.ts';
import type { JournalEntry } from '../../model.ts';
import { element, plain } from '../../report/page/html.ts';
import { pageAround, pageBody, pageTitle } from '../../report/page/page.ts';
import { liveScript } from './live-script.ts';

/** What there is to see of a run at one moment. */
export interface Snapshot {
  readonly title: string;
  /** HTML of the page's body. */
  readonly body: string;
}

/** A run as it looks while its journal grows. */
export interface LivePage {
  add(entry: JournalEntry): void;
  /** Raised by every entry after which the page is another one. */
  readonly version: number;
  /** What happens at this moment, in a line. */
  readonly status: string;
  /** Made anew when the version is another one than before, and not earlier. */
  snapshot(): Snapshot;
  /** The whole page, as a browser gets it at first. */
  document(): string;
}

const waiting: Snapshot = {
  title: 'RUNNING · replibench',
  body: '<header><h1>The run is being set up</h1></header><main><p>Figures come with the first finished slice.</p></main>',
};

/** Entries after which something else is to be seen; readings and progress come many times a second. */
const visible: ReadonlySet<JournalEntry['type']> = new Set([
  'plan',
  'calibration',
  'slice-end',
  'slice-failed',
  'block-cut',
  'end',
]);

export function createLivePage(): LivePage {
  const fold = createViewFold();
  let planned: { readonly blocks: number } | null = null;
  let running = true;
  let version = 0;
  let status = 'setting up';
  let made: { readonly version: number; readonly snapshot: Snapshot } = { version: 0, snapshot: waiting };

  const snapshot = (): Snapshot => {
    if (planned !== null && made.version !== version) {
      const view = running ? withoutEnd(fold.view()) : fold.view();
      made = { version, snapshot: { title: pageTitle(view, running), body: pageBody(view, running) } };
    }
    return made.snapshot;
  };

  return {
    add(entry) {
      fold.add(entry);
      if (entry.type === 'plan') planned = entry.plan;
      if (entry.type === 'end') running = false;
      if (visible.has(entry.type)) version += 1;
      status = statusOf(entry, planned?.blocks ?? 0) ?? status;
    },
    get version() {
      return version;
    },
    get status() {
      return status;
    },
    snapshot,
    document() {
      const { title, body } = snapshot();
      // The version tells the stream of events what this page has already.
      const banner = element(
        'p',
        { id: 'live', role: 'status', 'data-version': String(version) },
        plain(status),
      );
      return pageAround(title, body, { banner, script: liveScript });
    },
  };
}

/** That the journal has no end yet says nothing about a run that goes on. */
function withoutEnd(view: RunView): RunView {
  const { validity } = view.result;
  const findings = validity.findings.filter(({ id }) => id !== 'incomplete');
  return { ...view, result: { ...view.result, validity: { ...validity, findings } } };
}

function statusOf(entry: JournalEntry, blocks: number): string | null {
  switch (entry.type) {
    case 'step':
      return `setting up: ${entry.name}`;
    case 'slice-start':
      return entry.block === 0
        ? `calibrating: ${entry.kind}`
        : `block ${entry.block} of ${blocks}: ${entry.arm}, ${entry.kind}`;
    case 'end':
      return `the run ${entry.outcome === 'completed' ? 'is completed' : `has ${entry.outcome === 'failed' ? 'failed' : 'been interrupted'}`}`;
    default:
      return null;
  }
}
