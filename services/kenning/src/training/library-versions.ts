import { createRequire } from 'node:module';
import { env } from 'onnxruntime-node';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Versions of what builds a release. */
export const libraryVersions = (): Record<string, string> => ({
  kenning: version,
  node: process.versions.node,
  onnxruntime: env.versions.node ?? env.versions.common,
});
