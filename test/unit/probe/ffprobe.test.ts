import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createFfprobe, findFfprobe, readAnswer } from '../../../src/probe/ffprobe.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ffprobe-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A program that runs this code, named ffprobe, in a folder of its own. */
let programs = 0;
async function aProgram(code: string): Promise<string> {
  programs += 1;
  const path = join(await mkdtemp(join(folder, `${programs}-`)), 'ffprobe');
  await writeFile(path, `#!${process.execPath}\n${code}`);
  await chmod(path, 0o755);
  return path;
}

const BODY = Buffer.alloc(300_000, 7);
const blob = { sha256: 'a'.repeat(64), bytes: BODY.length, mimeType: 'video/vnd.avi' };
const blobs = { read: () => Promise.resolve(Readable.from([BODY])) };
const never = new AbortController().signal;

const AVI = {
  streams: [
    { codec_name: 'mpeg4', codec_type: 'video', width: 64, height: 48, avg_frame_rate: '30000/1001' },
    { codec_name: 'mp3', codec_type: 'audio', avg_frame_rate: '0/0' },
  ],
  format: { duration: '0.400000' },
};

describe('an answer of ffprobe', () => {
  it('is read as facts of a film', () => {
    expect(readAnswer(JSON.stringify(AVI))).toEqual({
      ...{ durationSeconds: 0.4, width: 64, height: 48, frameRate: 29.97 },
      ...{ videoCodec: 'mpeg4', audioCodec: 'mp3' },
    });
  });

  it('is turned and stretched as players show it', () => {
    const video = { ...AVI.streams[0], sample_aspect_ratio: '4:3', side_data_list: [{}, { rotation: -90 }] };

    expect(readAnswer(JSON.stringify({ streams: [video] }))).toMatchObject({ width: 48, height: 85 });
  });

  it('is of a sound when its only picture is a cover', () => {
    const cover = {
      codec_type: 'video',
      codec_name: 'mjpeg',
      width: 600,
      height: 600,
      disposition: { attached_pic: 1 },
    };

    expect(readAnswer(JSON.stringify({ streams: [cover, AVI.streams[1]] }))).toEqual({ audioCodec: 'mp3' });
  });

  it.each([
    ['nothing', ''],
    ['no streams', '{"streams":[],"format":{}}'],
    ['other JSON', '{"streams":"many"}'],
    ['half of it', '{"streams":[{"codec'],
  ])('of %s is none', (_, text) => {
    expect(readAnswer(text)).toBeNull();
  });

  it('shows no numbers or names that cannot be true', () => {
    const video = { codec_type: 'video', codec_name: '<script>', width: -1, height: 48, avg_frame_rate: '0/0' };

    expect(readAnswer(JSON.stringify({ streams: [video], format: { duration: 'N/A' } }))).toEqual({});
  });
});

describe('ffprobe', () => {
  it('gets the bytes through a pipe, a list of arguments that allows no network or files, and no environment', async () => {
    const seen = join(folder, 'seen.json');
    const path = await aProgram(`
      const chunks = [];
      process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        const { argv, env } = process;
        const bytes = Buffer.concat(chunks).length;
        require('node:fs').writeFileSync(${JSON.stringify(seen)}, JSON.stringify({ args: argv.slice(2), env, bytes }));
        console.log(${JSON.stringify(JSON.stringify(AVI))});
      });`);

    expect(await createFfprobe(path)(blob, blobs, never)).toMatchObject({ videoCodec: 'mpeg4' });
    const { args, env, bytes } = JSON.parse(await readFile(seen, 'utf8')) as {
      args: string[];
      env: object;
      bytes: number;
    };
    expect(bytes).toBe(BODY.length);
    expect(env).toEqual({});
    expect(args.slice(args.indexOf('-protocol_whitelist')).slice(0, 2)).toEqual(['-protocol_whitelist', 'pipe']);
    expect(args.slice(-2)).toEqual(['-i', 'pipe:0']);
    expect(args[args.indexOf('-format_whitelist') + 1]?.split(',')).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/hls|concat|dash|image|sdp|rtsp/)]),
    );
  });

  it.each([
    ['fails', 'process.exit(1)'],
    ['answers nonsense', 'console.log("no JSON")'],
    ['does not read its input', `console.log(${JSON.stringify('{"streams":[]}')}); process.exit(0)`],
    ['answers without end', 'const more = () => process.stdout.write("x".repeat(65536), more); more();'],
  ])('tells nothing when it %s', async (_, code) => {
    expect(await createFfprobe(await aProgram(code))(blob, blobs, never)).toBeNull();
  });

  it('is ended when its caller loses patience', async () => {
    const path = await aProgram('process.stdin.resume(); setInterval(() => undefined, 1000);');
    const patience = new AbortController();
    const probed = createFfprobe(path)(blob, blobs, patience.signal);
    setImmediate(() => {
      patience.abort();
    });

    expect(await probed).toBeNull();
  });

  it('tells nothing when it cannot be started, or the store does not answer', async () => {
    const away = { read: () => Promise.reject(new Error('away')) };

    expect(await createFfprobe(join(folder, 'nothing'))(blob, blobs, never)).toBeNull();
    expect(await createFfprobe(await aProgram(''))(blob, away, never)).toBeNull();
  });
});

describe('the place of ffprobe', () => {
  it('is the first absolute folder of PATH that has it', async () => {
    const path = await aProgram('');
    const other = await aProgram('');

    expect(await findFfprobe(undefined, ['relative', folder, join(path, '..'), join(other, '..')].join(':'))).toBe(
      path,
    );
    expect(await findFfprobe(undefined, folder)).toBeNull();
    expect(await findFfprobe(undefined, '')).toBeNull();
  });

  it('is what the setting says, nowhere when that says off, and an error when it names no program', async () => {
    const path = await aProgram('');

    expect(await findFfprobe(path, '')).toBe(path);
    await expect(findFfprobe(join(folder, 'nothing'), join(path, '..'))).rejects.toThrow(
      /^FFPROBE .*nothing is no program/,
    );
    expect(await findFfprobe('off', join(path, '..'))).toBeNull();
  });
});
