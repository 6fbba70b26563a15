import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHttpServer, type HttpServer } from '../src/runtime/http-server.ts';
import { Readiness } from '../src/runtime/readiness.ts';

let http: HttpServer;
let readiness: Readiness;

beforeEach(async () => {
  readiness = new Readiness();
  const logger = pino({ level: 'silent' });
  http = await createHttpServer({ name: 'test', description: '', logger, registry: new Registry(), readiness });
});
afterEach(() => http.close());

const metrics = async (): Promise<string> => (await http.inject('/metrics')).body;

test('count answers with status 500, and no others', async () => {
  http.get('/breaks', () => {
    throw new Error('a defect');
  });
  expect(await metrics()).toContain('liminal_http_internal_errors_total 0');
  await http.inject('/breaks');
  await http.inject('/not-there');
  expect(await metrics()).toContain('liminal_http_internal_errors_total 1');
});

test('tell what is ready at the moment, dependency by dependency', async () => {
  let isThere = true;
  readiness.require('redis', () => {
    if (!isThere) throw new Error('away');
  });
  readiness.require('model store', () => {});
  expect(await metrics()).toContain('liminal_dependency_ready_ratio{dependency="redis"} 1');
  isThere = false;
  const text = await metrics();
  expect(text).toContain('liminal_dependency_ready_ratio{dependency="redis"} 0');
  expect(text).toContain('liminal_dependency_ready_ratio{dependency="model store"} 1');
});
