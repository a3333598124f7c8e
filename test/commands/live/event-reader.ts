/** An EventSource as far as these tests need one: reads the stream, keeps the last id. */
export interface ReadEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: unknown;
}

export interface EventReader extends AsyncDisposable {
  /** The next event of this name; others before it are passed over. Rejects when the stream ends before. */
  next(event: string): Promise<ReadEvent>;
  /** Everything that came so far. */
  readonly seen: readonly ReadEvent[];
  readonly ended: Promise<void>;
}

/** @param lastId what a browser sends when it connects again */
export async function readEvents(url: string, lastId?: string): Promise<EventReader> {
  const abort = new AbortController();
  const response = await fetch(new URL(url), {
    headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    signal: abort.signal,
  });
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}`);
  const seen: ReadEvent[] = [];
  let position = 0;
  let over = false;
  let wake = Promise.withResolvers<void>();
  const pump = async (body: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      seen.push(...blocks.flatMap(parse));
      wake.resolve();
      wake = Promise.withResolvers();
    }
  };
  const ended = pump(response.body as ReadableStream<Uint8Array>)
    .catch(() => undefined)
    .finally(() => {
      over = true;
      wake.resolve();
    });
  return {
    seen,
    ended,
    async next(event) {
      for (;;) {
        for (const found of seen.slice(position)) {
          position += 1;
          if (found.event === event) return found;
        }
        if (over)
          throw new Error(`the stream ended before "${event}"; seen: ${seen.map((one) => one.event)}`);
        await wake.promise;
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort();
      await ended;
    },
  };
}

function parse(block: string): readonly ReadEvent[] {
  const field = (name: string): string | undefined =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  const event = field('event');
  const data = field('data');
  return event === undefined || data === undefined
    ? []
    : [{ event, id: field('id'), data: JSON.parse(data) }];
}
