import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Fills Node's compile cache with the services and everything they import, unless there is a cache already. A service that
 * finds its code there neither loads the compiler that strips types, which would stay in its memory (about 25 MB), nor
 * spends its first second on it. Without a cache everything works as well: a failure here is told, not thrown.
 *
 * @param path of programs, as in the environment
 */
export async function fillCompileCache(
  directory: string,
  mains: readonly string[],
  { path, say }: { path: string | undefined; say: (message: string) => void },
): Promise<void> {
  if (existsSync(directory)) return;
  const env = { PATH: path, NODE_COMPILE_CACHE: directory };
  for (const main of mains) {
    try {
      await promisify(execFile)(process.execPath, [main, '--check'], { env });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      say(`The compile cache could not be filled, so the first start takes longer and more memory: ${reason}`);
      return;
    }
  }
}
