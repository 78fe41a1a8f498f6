import { once } from 'node:events';

/** Lets go of the process that holds the servers and waits until it has stopped them. */
async function stopTestServers(): Promise<void> {
  const child = globalThis.testServers;
  if (child === undefined || child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.ref();
  child.disconnect();
  await gone;
}

export { stopTestServers as default };
