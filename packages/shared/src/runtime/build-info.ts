import { Gauge, type Registry } from 'prom-client';
import { VERSION } from './version.ts';

/** What runs here: the value is always 1, the labels tell. */
export function createBuildInfo(registry: Registry, service: string): void {
  new Gauge({
    name: 'liminal_build_info',
    help: 'Always 1: the service, its version, and the version of Node that runs it',
    labelNames: ['service', 'version', 'node'] as const,
    registers: [registry],
  })
    .labels(service, VERSION, process.versions.node)
    .set(1);
}
