import { limitHeapGrowth } from '../../../src/process/lifecycle.js';
import { aGateway, aToken } from '../gateway.js';
import { watchLoop } from './watch-loop.js';

/** The default of the setting. */
const MEMORY_FOR_BODIES = 256 * 1024 ** 2;

/*
 * A gateway in a process of its own, so that its memory can be limited and measured, and its event loop watched, apart from the test
 * that loads it. It lives exactly as long as its channel to that test.
 */
limitHeapGrowth();
const gateway = await aGateway({ settings: { memoryForBodies: MEMORY_FOR_BODIES } });
const loop = watchLoop();

process.on('disconnect', () => void gateway.close().then(() => process.exit()));
process.on('message', (message: { readonly tokenOf?: string }) => {
  void (async () => {
    if (message.tokenOf !== undefined) process.send?.({ token: await aToken({ projectId: message.tokenOf }) });
    else process.send?.({ figures: loop.take() });
  })();
});
process.send?.({ origin: gateway.origin });
