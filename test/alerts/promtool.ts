import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

/** A program of Prometheus or Alertmanager, by the first of its names that is there. */
export function findProgram(...names: string[]): string | undefined {
  return names.find((name) => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

/** Skipping has to be seen. */
export function skipsWithout(program: string | undefined, name: string, debianPackage: string): boolean {
  if (program === undefined) {
    console.warn(`SKIPPED: ${name} is not on this machine; on Debian: apt-get install ${debianPackage}`);
  }
  return program === undefined;
}

export interface Run {
  isFine: boolean;
  output: string;
}

export async function runProgram(program: string, args: readonly string[]): Promise<Run> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26 });
    return { isFine: true, output: stdout + stderr };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout?: string; stderr?: string; code?: number | string };
    if (typeof code !== 'number') throw error;
    return { isFine: false, output: `${stdout}${stderr}` };
  }
}
