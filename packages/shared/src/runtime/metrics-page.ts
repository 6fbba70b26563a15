import { type Counter, Registry } from 'prom-client';
import { Mutex } from './mutex.ts';

/** The media type of OpenMetrics, the one text format that has exemplars. */
const OPEN_METRICS = 'application/openmetrics-text';

/** What `GET /metrics` answers: OpenMetrics to whoever takes it, else the classic text. */
export class MetricsPage {
  readonly #registry: Registry;
  readonly #rendering = new Mutex();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** `accept`: the header of that name. */
  render(accept: string | undefined): Promise<{ contentType: string; text: string }> {
    return this.#rendering.run(() => (accept?.includes(OPEN_METRICS) ? this.#openMetrics() : this.#text()));
  }

  async #text(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /**
   * In this format prom-client (15.1.3, registry.js) takes `_total` off the names of the counters themselves, and leaves
   * them so. They get it back, and nobody else renders meanwhile.
   */
  async #openMetrics(): Promise<{ contentType: string; text: string }> {
    const registry = this.#registry;
    const counters = (registry.getMetricsAsArray() as unknown as Counter[]).map((metric) => ({
      metric: metric as unknown as { name: string },
      name: (metric as unknown as { name: string }).name,
    }));
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as typeof registry.contentType);
    try {
      return await this.#text();
    } finally {
      registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE as typeof registry.contentType);
      for (const { metric, name } of counters) metric.name = name;
    }
  }
}
