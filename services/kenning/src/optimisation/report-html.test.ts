import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OptimisationReport, VariantReport } from '@liminal/shared/contracts/optimisation-report';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axisTicks, shortNumber } from './bar-plot.ts';
import { markup } from './markup.ts';
import { reportHtml } from './report-html.ts';

const CHROMIUM = '/usr/bin/chromium';
const HOSTILE = '<script>document.title = "taken over"</script>&"\'';

function variant(kind: VariantReport['kind'], factor: number): VariantReport {
  const isOriginal = kind === 'original';
  return {
    kind,
    sizeBytes: 200_000 * factor,
    file: isOriginal ? null : `reports/x/${kind}.onnx`,
    nonStandardOperators: kind === 'graph-extended' ? ['com.microsoft.FusedGemm'] : [],
    latencies: [1, 32, 1024].map((batchRows) => ({
      batchRows,
      runs: 300,
      medianMs: 0.05 * factor * batchRows ** 0.6,
      p99Ms: 0.08 * factor * batchRows ** 0.6,
    })),
    difference: isOriginal
      ? null
      : {
          maxAbsolute: 0.04,
          meanAbsolute: 0.002,
          rankCorrelation: 0.99987,
          changedAlarms: [
            { alarmRate: 0.01, changedShare: 0.0005 },
            { alarmRate: 0.05, changedShare: 0.002 },
          ],
        },
    auroc: 0.97,
  };
}

const report: OptimisationReport = {
  id: 'o-20261123T100000-0f3c9a1e',
  createdAt: '2026-11-23T10:00:00.000Z',
  release: 'r-20261123T090000-0f3c9a1e',
  rows: { source: 'archive', compared: 5000, calibration: 100, labelled: 40, labelsNotFound: 2 },
  environment: { node: '24', onnxruntime: '1', platform: 'linux x64', cpu: HOSTILE, threads: 1 },
  seconds: 12.3456,
  models: [
    {
      model: 'autoencoder',
      version: '0123456789abcdef',
      variants: [variant('original', 1), variant('graph-extended', 1.01), variant('int8-static', 0.4)],
    },
    {
      model: 'isolation-forest',
      version: 'fedcba9876543210',
      variants: [variant('original', 2.5), variant('graph-basic', 2.5)],
    },
  ],
};

describe('markup', () => {
  it('escapes every value and no markup', () => {
    expect(markup`<p title="${'"'}">${HOSTILE}${markup`<b>${1}</b>`}</p>`.text).toBe(
      '<p title="&quot;">&lt;script&gt;document.title = &quot;taken over&quot;&lt;/script&gt;&amp;&quot;&#39;<b>1</b></p>',
    );
  });
});

describe('axes', () => {
  it.each([
    [0.93, [0, 0.25, 0.5, 0.75, 1]],
    [4, [0, 1, 2, 3, 4]],
    [0, [0, 1]],
    [1730, [0, 500, 1000, 1500, 2000]],
  ])('reach to %d in round steps', (largest, ticks) => expect(axisTicks(largest)).toEqual(ticks));

  it('write numbers shortly', () => {
    expect([0, 1234.5, 0.012345, 1e-7].map(shortNumber)).toEqual(['0', '1230', '0.0123', '1.0e-7']);
  });
});

if (!existsSync(CHROMIUM)) console.warn(`SKIPPED: the page was not opened, there is no ${CHROMIUM}`);

describe.skipIf(!existsSync(CHROMIUM))('the page in Chromium', () => {
  let directory: string;
  let browser: Browser;
  let page: Page;
  const requests: string[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-report-'));
    const file = join(directory, 'report.html');
    await writeFile(file, reportHtml(report));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(file).href);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('has a table and the plots of each model', async () => {
    expect(await page.locator('section table').count()).toBe(2);
    expect(await page.locator('#autoencoder tbody tr').count()).toBe(3);
    expect(await page.locator('#autoencoder svg.plot .plot-title').allTextContents()).toEqual([
      'Latency of 1 row',
      'Latency of 32 rows',
      'Latency of 1024 rows',
      'Size of the file',
      'Difference of the scores to the original',
    ]);
    expect(await page.locator('#autoencoder tbody tr').nth(2).textContent()).toMatch(/int8-static.*×0\.40.*0\.99987/s);
    await expect(page.locator('#autoencoder .warning').textContent()).resolves.toBe('com.microsoft.FusedGemm');
  });

  it('draws bars to scale', async () => {
    const widths = await page
      .locator('#autoencoder svg.plot')
      .nth(3)
      .locator('rect.bar')
      .evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
    expect(widths[2]! / widths[0]!).toBeCloseTo(0.4, 2);
    expect(widths[0]).toBeGreaterThan(100);
  });

  it('keeps its text inside the plots and the page, and asks for nothing else', async () => {
    const tables = await page
      .locator('.scroll')
      .evaluateAll((boxes) => boxes.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth));
    expect(tables).toEqual([0, 0]);
    const overflowing = await page.locator('svg.plot').evaluateAll((plots) =>
      plots.flatMap((plot) => {
        const { left, right } = plot.getBoundingClientRect();
        return [...plot.querySelectorAll('text')]
          .filter((text) => text.getBoundingClientRect().right > right || text.getBoundingClientRect().left < left)
          .map((text) => text.textContent);
      }),
    );
    expect(overflowing).toEqual([]);
    expect(requests).toHaveLength(1);
  });

  it('runs nothing that a value brings along', async () => {
    expect(await page.title()).toBe('Optimised models of r-20261123T090000-0f3c9a1e');
    expect(await page.locator('script').count()).toBe(0);
    expect(await page.locator('.facts').textContent()).toContain(HOSTILE);
  });

  it('follows the choice of light or dark', async () => {
    const colours = () =>
      page.evaluate('(({ backgroundColor, color }) => ({ backgroundColor, color }))(getComputedStyle(document.body))');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await colours()).toEqual({ backgroundColor: 'rgb(255, 255, 255)', color: 'rgb(28, 35, 48)' });
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await colours()).toEqual({ backgroundColor: 'rgb(20, 24, 31)', color: 'rgb(228, 232, 239)' });
  });
});
