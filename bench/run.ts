/** Runs every benchmark, or those whose file names contain one of the words given. */
const BENCHMARKS = [
  'isolation-forest-fit',
  'isolation-forest-scoring',
  'one-class-svm',
  'autoencoder-training',
  'lstm-training',
  'load-forecast',
  'adbench',
  'nab',
  'series-incidents',
  'tuning',
  'release-swaps',
  'release-swap-turns',
  'training-health',
  'predict-http',
  'explanations',
  'explained-scenarios',
  'feedback',
  'event-pipe',
  'anomaly-stream',
  'platform-minutes',
  'memory',
  'drift-check',
  'shadow-scoring',
  'drift-detection',
  'alert-times',
];

const words = process.argv.slice(2);
if (words.includes('--help')) {
  console.log(`bench [WORD…]: runs the benchmarks whose names hold one of the words, or all of them.

  npx -y pnpm@12.21.0 bench
  npx -y pnpm@12.21.0 bench predict
  BENCH_SECONDS=10 npx -y pnpm@12.21.0 bench event-pipe

Benchmarks: ${BENCHMARKS.join(', ')}. Each measures beside a peer or a limit in the same run.
Peers come from Debian: python3-sklearn, python3-torch, python3-fastapi, python3-uvicorn, redis-tools, wrk. Leave the machine alone meanwhile.`);
  process.exit();
}
const chosen = BENCHMARKS.filter((name) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`There is no benchmark ${words.join(' or ')}; there are ${BENCHMARKS.join(', ')}.`);
  process.exit(2);
}
for (const file of chosen) {
  const { name, run } = (await import(`./${file}.ts`)) as { name: string; run(): Promise<void> };
  console.log(`\n${name}`);
  await run();
}
