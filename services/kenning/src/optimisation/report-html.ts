import type { ModelReport, OptimisationReport, VariantReport } from '@liminal/shared/contracts/optimisation-report';
import { barPlot, shortNumber } from './bar-plot.ts';
import { type Markup, markup } from './markup.ts';
import { REPORT_STYLE } from './report-style.ts';

/** The report as one page that needs nothing else: no script, no font, no picture from elsewhere. */
export function reportHtml(report: OptimisationReport): string {
  const { id, release, createdAt, models } = report;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${`Optimised models of ${release}`}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<header>
<h1>Optimised models</h1>
<p>Release <code>${release}</code>, report <code>${id}</code>, <time datetime="${createdAt}">${createdAt}</time></p>
</header>
${summary(report)}
${models.map(modelSection)}
${notes(report)}
</body>
</html>
`.text;
}

function summary({ rows, environment, seconds, models }: OptimisationReport): Markup {
  const compared = `${rows.compared} ${rows.source === 'archive' ? 'archived rows' : 'background rows of the release'}`;
  const facts: [string, string][] = [
    ['Models', models.map(({ model }) => model).join(', ')],
    ['Scores compared on', compared],
    ['Ranges of int8-static from', `${rows.calibration} background rows of the release`],
    ['Labelled rows', `${rows.labelled}${rows.labelsNotFound > 0 ? `, ${rows.labelsNotFound} labels not found` : ''}`],
    ['Machine', `${environment.cpu}, ${environment.platform}, ${environment.threads} thread`],
    ['Software', `ONNX Runtime ${environment.onnxruntime}, Node ${environment.node}`],
    ['Took', `${shortNumber(seconds)} s`],
  ];
  return markup`<dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function modelSection({ model, version, variants }: ModelReport): Markup {
  return markup`<section id="${model}">
<h2>${model} <small>version <code>${version}</code></small></h2>
<div class="scroll">${variantTable(variants)}</div>
<div class="plots">
${latencyPlots(variants)}
${sizePlot(variants)}
${differencePlot(variants)}
</div>
</section>`;
}

function variantTable(variants: readonly VariantReport[]): Markup {
  const original = variants[0]!;
  const batches = original.latencies.map(({ batchRows }) => batchRows);
  const rates = variants.find(({ difference }) => difference !== null)?.difference?.changedAlarms ?? [];
  const hasLabels = variants.some(({ auroc }) => auroc !== null);
  return markup`<table>
<thead><tr><th scope="col">Variant</th><th scope="col">Size<br><small>KiB</small></th>${batches.map(
    (rows) => markup`<th scope="col">${rows === 1 ? '1 row' : `${rows} rows`}<br><small>ms, median (p99)</small></th>`,
  )}<th scope="col">Score difference<br><small>mean (max)</small></th><th scope="col">Rank<br>correlation</th>${rates.map(
    ({ alarmRate }) => markup`<th scope="col">Changed alarms<br><small>α = ${alarmRate}</small></th>`,
  )}${hasLabels ? markup`<th scope="col">AUROC</th>` : markup``}<th scope="col">Operators</th></tr></thead>
<tbody>${variants.map((variant) => variantRow(variant, original, hasLabels, rates.length))}</tbody>
</table>`;
}

function variantRow(variant: VariantReport, original: VariantReport, hasLabels: boolean, rates: number): Markup {
  const { kind, sizeBytes, latencies, difference, auroc, nonStandardOperators } = variant;
  const isOriginal = kind === 'original';
  const changes = difference?.changedAlarms.map(({ changedShare }) => percent(changedShare)) ?? Array(rates).fill('–');
  return markup`<tr><th scope="row">${kind}</th><td>${kibibytes(sizeBytes)}${
    isOriginal ? '' : ` (${ratio(sizeBytes, original.sizeBytes)})`
  }</td>${latencies.map(
    ({ medianMs, p99Ms }, index) =>
      markup`<td>${shortNumber(medianMs)} (${shortNumber(p99Ms)})${
        isOriginal ? '' : markup`<br><small>${ratio(medianMs, original.latencies[index]!.medianMs)}</small>`
      }</td>`,
  )}<td>${difference === null ? '–' : `${shortNumber(difference.meanAbsolute)} (${shortNumber(difference.maxAbsolute)})`}</td><td>${
    difference === null ? '–' : (difference.rankCorrelation?.toFixed(5) ?? '–')
  }</td>${changes.map((text: string) => markup`<td>${text}</td>`)}${
    hasLabels ? markup`<td>${auroc?.toFixed(4) ?? '–'}</td>` : markup``
  }<td>${nonStandardOperators.length === 0 ? 'standard' : markup`<span class="warning">${nonStandardOperators.join(', ')}</span>`}</td></tr>`;
}

function latencyPlots(variants: readonly VariantReport[]): Markup[] {
  return variants[0]!.latencies.map(({ batchRows, runs }, index) =>
    barPlot({
      title: `Latency of ${batchRows} row${batchRows === 1 ? '' : 's'}`,
      axis: `ms a run: median, whisker to the 99th percentile of ${runs} runs`,
      bars: variants.map(({ kind, latencies }) => {
        const { medianMs, p99Ms } = latencies[index]!;
        const text = `${shortNumber(medianMs)} (${shortNumber(p99Ms)}) ms`;
        return { label: kind, value: medianMs, upper: p99Ms, text, isReference: kind === 'original' };
      }),
    }),
  );
}

function sizePlot(variants: readonly VariantReport[]): Markup {
  return barPlot({
    title: 'Size of the file',
    axis: 'KiB',
    bars: variants.map(({ kind, sizeBytes }) => ({
      label: kind,
      value: sizeBytes / 1024,
      text: `${kibibytes(sizeBytes)} KiB`,
      isReference: kind === 'original',
    })),
  });
}

function differencePlot(variants: readonly VariantReport[]): Markup {
  return barPlot({
    title: 'Difference of the scores to the original',
    axis: 'score: mean absolute difference, whisker to the largest',
    bars: variants.flatMap(({ kind, difference }) =>
      difference === null
        ? []
        : [
            {
              label: kind,
              value: difference.meanAbsolute,
              upper: difference.maxAbsolute,
              text: `${shortNumber(difference.meanAbsolute)} (${shortNumber(difference.maxAbsolute)})`,
              isReference: false,
            },
          ],
    ),
  });
}

function notes({ models }: OptimisationReport): Markup {
  const fused = [...new Set(models.flatMap(({ variants }) => variants.flatMap((v) => v.nonStandardOperators)))];
  return markup`<section><h2>How to read this</h2><ul>
<li>The variants took turns with the original, so that whatever else the machine did fell on all of them alike.</li>
<li>The original is optimised as well when it is loaded; a variant of its graph saves time at loading, and little in a run.</li>
<li>P-values of a variant are those of the original's calibration: changed alarms are what a swap without a new calibration would change.</li>
<li>int8-weights: weights of the dense layers in int8, one scale an output. int8-static: what goes into them in uint8 too, with ranges from background rows. float16-weights: weights in float16, computed in float32.</li>
${
  fused.length === 0
    ? markup``
    : markup`<li class="warning">${fused.join(', ')}: operators of ONNX Runtime alone. Releases promise standard operators, so no release takes such a variant.</li>`
}
</ul></section>`;
}

const kibibytes = (bytes: number): string => (bytes / 1024).toFixed(1);
const percent = (share: number): string => `${shortNumber(share * 100)}%`;
const ratio = (value: number, reference: number): string => `×${(value / reference).toFixed(2)}`;
