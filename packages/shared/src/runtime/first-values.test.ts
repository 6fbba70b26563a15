import { Counter, Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { absentAtFirst, fromZero } from './first-values.ts';

test('a counter shows 0 for each value of its label, and goes on from there', async () => {
  const registry = new Registry();
  const counter = new Counter({ name: 'a_total', help: '.', labelNames: ['result'] as const, registers: [registry] });
  fromZero(counter, { result: 'done' }, { result: 'failed' }).inc({ result: 'failed' });
  const text = await registry.metrics();
  expect(text).toContain('a_total{result="done"} 0');
  expect(text).toContain('a_total{result="failed"} 1');
});

test('a gauge shows nothing until it is set', async () => {
  const registry = new Registry();
  const gauge = absentAtFirst(new Gauge({ name: 'a_ratio', help: '.', registers: [registry] }));
  expect(await registry.metrics()).not.toMatch(/^a_ratio/m);
  gauge.set(0);
  expect(await registry.metrics()).toMatch(/^a_ratio 0$/m);
});
