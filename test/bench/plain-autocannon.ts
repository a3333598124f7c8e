/** autocannon as it comes, for comparison: argv = url, connections, seconds; sends requests and CPU time. */
import autocannon from 'autocannon';

const [url = '', connections, seconds] = process.argv.slice(2);
const before = process.cpuUsage();
const result = await autocannon({ url, connections: Number(connections), duration: Number(seconds) });
const { user, system } = process.cpuUsage(before);
process.send?.({ requests: result['2xx'], cpuMs: (user + system) / 1000 });
process.disconnect?.();
