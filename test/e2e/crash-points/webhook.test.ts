import { describe, expect, it, jest } from '@jest/globals';
import { webhookIdOf } from '../../../src/domain/ids.js';
import { PROJECT, withCrashRig, type CrashRig } from '../../support/crash-rig.js';
import { answers } from '../../servers/origin-server.js';
import { unsound } from '../../support/unsound.js';

/** These activities send no heartbeats: a worker that died is noticed after 60 s, and after 40 s when it ended a batch. */
jest.setTimeout(1_200_000);

/** An import of one file, with a worker that dies at the point. */
async function crash(rig: CrashRig, point: string): Promise<string> {
  const url = rig.origin.route('/a', answers.file(Buffer.from('a'), { type: 'text/plain' }));
  return rig.crashWorker(point, [{ url, id: 'a' }], { webhook: rig.receiver.url });
}

/** Waits until the first attempt, which the import makes itself, is over, and tells how the message stands then. */
async function stateAfterFirstAttempt({ temporal, collections }: CrashRig, id: string): Promise<unknown> {
  await temporal.workflow.getHandle(`import/${PROJECT}/${id}`).result();
  return (await collections.deliveries.findOne({ _id: webhookIdOf(id, 1) }))?.state;
}

/** The only message of the import was taken by the receiver, whose answer stands in the log of attempts once. */
async function expectDelivered(rig: CrashRig, id: string, times: number): Promise<void> {
  const { deliveries, projects } = rig.collections;
  expect(rig.receiver.deliveries.map(({ headers }) => headers['webhook-id'])).toEqual(
    Array.from({ length: times }, () => webhookIdOf(id, 1)),
  );
  expect(new Set(rig.receiver.deliveries.map(({ raw }) => raw)).size).toBe(1);
  expect(await deliveries.find().toArray()).toMatchObject([
    { _id: webhookIdOf(id, 1), state: 'delivered', attempts: [{ status: 204 }] },
  ]);
  const project = await projects.findOne({ _id: PROJECT });
  await expect(rig.receiver.verified(id, project?.webhookSecrets[0] ?? '')).resolves.toMatchObject({
    id,
    state: 'success',
    overview: { details: { total: 1, success: 1, skipped: 0, failed: 0 } },
  });
  expect(await unsound(rig)).toEqual([]);
}

describe('a worker that dies', () => {
  it.concurrent('after_finish_before_complete ends its batch once and tells the client', () =>
    withCrashRig(async (rig) => {
      const id = await crash(rig, 'after_finish_before_complete');
      const ended = await rig.finished(id);
      expect(ended).toMatchObject({ state: 'success', counts: { success: 1, skipped: 0, failed: 0 } });
      expect(await rig.collections.deliveries.countDocuments()).toBe(0);

      await rig.start('worker');

      expect(await stateAfterFirstAttempt(rig, id)).toBe('delivered');
      expect(await rig.collections.batches.findOne()).toEqual(ended);
      await expectDelivered(rig, id, 1);
    }),
  );

  it.concurrent('before_webhook sends the message after all', () =>
    withCrashRig(async (rig) => {
      const id = await crash(rig, 'before_webhook');
      expect(rig.receiver.deliveries).toHaveLength(0);
      expect(await rig.collections.deliveries.find().toArray()).toMatchObject([{ state: 'pending', attempts: [] }]);

      await rig.start('worker');

      expect(await stateAfterFirstAttempt(rig, id)).toBe('delivered');
      await expectDelivered(rig, id, 1);
    }),
  );

  it.concurrent('after_webhook_before_log sends the same message again, under the same id', () =>
    withCrashRig(async (rig) => {
      const id = await crash(rig, 'after_webhook_before_log');
      expect(rig.receiver.deliveries).toHaveLength(1);
      expect(await rig.collections.deliveries.find().toArray()).toMatchObject([{ state: 'pending', attempts: [] }]);

      await rig.start('worker');

      expect(await stateAfterFirstAttempt(rig, id)).toBe('delivered');
      await expectDelivered(rig, id, 2);
    }),
  );

  it.concurrent('after_log_before_complete sends no message that was taken again', () =>
    withCrashRig(async (rig) => {
      const id = await crash(rig, 'after_log_before_complete');
      expect(await rig.collections.deliveries.find().toArray()).toMatchObject([{ state: 'delivered' }]);

      await rig.start('worker');

      expect(await stateAfterFirstAttempt(rig, id)).toBe('delivered');
      await expectDelivered(rig, id, 1);
    }),
  );
});
