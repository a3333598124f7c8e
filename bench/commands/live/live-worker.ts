/**
 * The thread that serves the live view: rendering takes some ten milliseconds of CPU after each slice, which
 * must not delay what the harness does meanwhile. Started by `live-view.ts`.
 */
import { parentPort } from 'node:worker_threads';
import { createLivePage } from './live-page.ts';
import { startLiveServer } from './live-server.ts';
import type { FromLive, ToLive } from './messages.ts';

const port = parentPort;
if (port === null) throw new Error('live-worker is started by live-view, as a thread');
const page = createLivePage();
const server = await startLiveServer(page);
const tell = (message: FromLive): void => port.postMessage(message);

port.on('message', async (message: ToLive) => {
  if (message.type === 'entry') {
    page.add(message.entry);
    server.update();
    return;
  }
  await server.finish(message.words);
  await server[Symbol.asyncDispose]();
  tell({ type: 'finished' });
});
tell({ type: 'listening', port: server.port });
