import type { JournalEntry } from '../../model.ts';

/** From the run to the thread that serves its live view. */
export type ToLive =
  | { readonly type: 'entry'; readonly entry: JournalEntry }
  /** The run is over; `words` are what its viewers are told last. */
  | { readonly type: 'finish'; readonly words: string };

export type FromLive = { readonly type: 'listening'; readonly port: number } | { readonly type: 'finished' };
