import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const versionOf = (manifest: string): string => (require(manifest) as { version: string }).version;

/** Versions of what builds a release. */
export const libraryVersions = (): Record<string, string> => ({
  kenning: versionOf('../../package.json'),
  node: process.versions.node,
  onnxruntime: versionOf('onnxruntime-node/package.json'),
});
