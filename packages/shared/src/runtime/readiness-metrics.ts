import { Gauge, type Registry } from 'prom-client';
import type { Readiness } from './readiness.ts';

/** What GET /ready says, for every service, at the moment of a scrape. */
export function createReadinessMetrics(registry: Registry, readiness: Pick<Readiness, 'report'>) {
  return {
    ready: new Gauge({
      name: 'liminal_dependency_ready_ratio',
      help: '1 while the service has what it needs of this kind to do its work, otherwise 0',
      labelNames: ['dependency'] as const,
      registers: [registry],
      async collect() {
        const { dependencies } = await readiness.report();
        this.reset();
        for (const [dependency, { ready }] of Object.entries(dependencies)) {
          this.labels(dependency).set(ready ? 1 : 0);
        }
      },
    }),
  };
}
