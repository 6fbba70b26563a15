import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ImportError } from './import-error.ts';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

export interface ReadBytesOptions {
  /** Told how many bytes of the file (not of what is unpacked from it) have been read. */
  onBytes?: (bytes: number) => void;
  /** Told once when compressed data turns out to be damaged or cut off; the bytes end there. */
  onDamage?: () => void;
}

/** The size of a file in bytes. Throws ImportError when it isn't there, isn't a file or may not be read. */
export async function fileSize(path: string): Promise<number> {
  await using file = await openFile(path);
  const stats = await file.stat();
  if (!stats.isFile()) throw new ImportError(`${path} is not a file: give the path of a log file`);
  return stats.size;
}

/** The bytes of a file, unpacked where they begin like gzip, whatever the file is called. */
export async function* readBytes(path: string, options: ReadBytesOptions = {}): AsyncGenerator<Buffer> {
  const isPacked = await beginsWith(path, GZIP_MAGIC);
  const source = createReadStream(path);
  // The callback has nothing to do: an error of the source destroys the unpacker with it, and the loop below throws it.
  const bytes = isPacked ? pipeline(source, createGunzip(), () => {}) : source;
  try {
    for await (const chunk of bytes) {
      yield chunk as Buffer;
      options.onBytes?.(source.bytesRead);
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    options.onDamage?.();
  } finally {
    source.destroy();
  }
}

async function beginsWith(path: string, magic: Buffer): Promise<boolean> {
  await using file = await openFile(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(magic.length), 0, magic.length, 0);
  return bytesRead === magic.length && buffer.equals(magic);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const problem = code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read' : `can't be opened`;
    throw new ImportError(`${path} ${problem}: give the path of a log file that you may read`, { cause: error });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}
