import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runKenning } from '../src/cli/run-kenning.ts';
import { trainModels } from '../src/pipelines/train-release-models.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command in this process, training included. */
export async function runHere(args: readonly string[]): Promise<Ended> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const texts = Promise.all([text(stdout), text(stderr)]);
  const code = await runKenning(args, {
    signal: new AbortController().signal,
    stdout,
    stderr,
    trainModels: ({ rows, options, seed }, context) => trainModels(rows, options, { ...context, seed }),
  });
  stdout.end();
  stderr.end();
  const [written, remarks] = await texts;
  return { code, stdout: written, stderr: remarks };
}

/** Starts the command as a shell does; `until`: is interrupted as by Ctrl-C when the standard error output holds this. */
export async function runInShell(args: readonly string[], { until }: { until?: RegExp } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (until !== undefined) {
    let seen = '';
    child.stderr.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (until.test(seen)) child.kill('SIGINT');
    });
  }
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}
