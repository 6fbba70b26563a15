import fastify from 'fastify';
import { Counter, Gauge, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createBuildInfo } from './build-info.ts';
import { observeRequests } from './http-metrics.ts';
import { MetricsPage } from './metrics-page.ts';
import { VERSION } from './version.ts';

/** What Prometheus 2.42 sends. */
const SCRAPER =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

describe('GET /metrics', () => {
  const registryWithCounter = (): Registry => {
    const registry = new Registry();
    new Counter({ name: 'liminal_x_events_total', help: 'Events', registers: [registry] }).inc(3);
    return registry;
  };

  it('is OpenMetrics for whoever takes it, and the classic text for others', async () => {
    const page = new MetricsPage(registryWithCounter());
    const open = await page.render(SCRAPER);
    expect(open.contentType).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(open.text).toBe(
      '# HELP liminal_x_events Events\n# TYPE liminal_x_events counter\nliminal_x_events_total 3\n# EOF\n',
    );
    for (const accept of [undefined, '*/*', 'text/plain;version=0.0.4']) {
      const classic = await page.render(accept);
      expect(classic.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(classic.text).toBe(
        '# HELP liminal_x_events_total Events\n# TYPE liminal_x_events_total counter\nliminal_x_events_total 3\n',
      );
    }
  });

  it('does not mix the two for scrapes that come at once, nor after one has failed', async () => {
    const registry = registryWithCounter();
    let isFailing = false;
    new Gauge({
      name: 'liminal_x_rows',
      help: 'Slow',
      registers: [registry],
      async collect() {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (isFailing) throw new Error('away');
      },
    });
    const page = new MetricsPage(registry);
    const both = await Promise.all([
      page.render(SCRAPER),
      page.render('*/*'),
      page.render(SCRAPER),
      page.render('*/*'),
    ]);
    for (const [index, { text }] of both.entries()) {
      expect(text).toContain('\nliminal_x_events_total 3\n');
      expect(text.includes('# EOF'), String(index)).toBe(index % 2 === 0);
      expect(text.includes('# TYPE liminal_x_events_total counter'), String(index)).toBe(index % 2 === 1);
    }
    isFailing = true;
    await expect(page.render(SCRAPER)).rejects.toThrow('away');
    isFailing = false;
    expect((await page.render('*/*')).text).toContain('# TYPE liminal_x_events_total counter');
  });

  it('tells what runs here', async () => {
    const registry = new Registry();
    createBuildInfo(registry, 'backend');
    expect((await new MetricsPage(registry).render(undefined)).text).toContain(
      `liminal_build_info{service="backend",version="${VERSION}",node="${process.versions.node}"} 1\n`,
    );
  });
});

describe('exemplars of HTTP latencies', () => {
  const scrapeAfter = async (requestId: string): Promise<string> => {
    const registry = new Registry();
    const app = fastify({ requestIdHeader: 'x-request-id' });
    app.decorateRequest('span', undefined);
    app.addHook('onResponse', observeRequests(registry));
    app.get('/x', () => 'x');
    await app.inject({ url: '/x', headers: { 'x-request-id': requestId } });
    return (await new MetricsPage(registry).render(SCRAPER)).text;
  };

  it('name the request', async () => {
    expect(await scrapeAfter('abc-1')).toMatch(
      /_bucket\{le="[\d.]+",method="GET",route="\/x",status="200"\} 1 # \{request_id="abc-1"\} [\d.e-]+ \d+\.\d+\n/,
    );
  });

  it.each(['a"} 1\\nliminal_evil 1', 'x'.repeat(65), 'ünïcode'])(
    'leave out what may be no id, and count all the same: %s',
    async (requestId) => {
      const text = await scrapeAfter(requestId);
      expect(text).toContain('_count{method="GET",route="/x",status="200"} 1\n');
      expect(text).not.toContain(' # {');
    },
  );
});
