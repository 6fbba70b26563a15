import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Python interpreter that can import `modules`; `PYTHON` names one to try first. */
export function findPython(modules: readonly string[]): string | undefined {
  const candidates = [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter((path) => path !== undefined);
  return candidates.find((path) => spawnSync(path, ['-c', `import ${modules.join(', ')}`]).status === 0);
}

/** A script beside this file that answers one JSON line with one JSON line, so that both sides can take turns. */
export class PythonPeer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string, script: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.#process = spawn(python, [path, ...args], { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** What the script says once it is ready. */
  async ready(): Promise<string> {
    return (await this.#answer<{ ready: string }>()).ready;
  }

  async seconds(request: Record<string, unknown>): Promise<number[]> {
    this.#process.stdin.write(JSON.stringify(request) + '\n');
    return (await this.#answer<{ seconds: number[] }>()).seconds;
  }

  stop(): void {
    this.#process.stdin.end();
  }

  async #answer<Answer>(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the Python peer ended before it answered: its error is above');
    return JSON.parse(value) as Answer;
  }
}
