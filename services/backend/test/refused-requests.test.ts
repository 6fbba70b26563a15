import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { service } from '../src/app.ts';

let server: TestRedis;
let backend: TestService;

beforeAll(async () => {
  server = await startTestRedis();
  backend = await startTestService(service, { REDIS_URL: server.url });
});
afterAll(async () => {
  await backend.stop();
  await server.stop();
});

const json = { 'content-type': 'application/json' };
const past = { kind: 'login', user: 'ada', ip: '192.0.2.1', success: true };

describe('requests that can not be taken', () => {
  it.each([
    ['an address that is no text', '/ml/users/%ff', {}, 400, 'LIMINAL_ERR_HTTP_REFUSED', /%ff/],
    ['a user whose name is too long', `/ml/users/${'a'.repeat(3_000)}`, {}, 414, 'LIMINAL_ERR_HTTP_REFUSED', /./],
    [
      'a body without a type',
      '/ml/suppressions',
      { method: 'POST', body: new Uint8Array([123, 125]) },
      415,
      'LIMINAL_ERR_HTTP_REFUSED',
      /application\/json/,
    ],
    [
      'a body that is too large',
      '/ml/suppressions',
      { method: 'POST', headers: json, body: JSON.stringify('x'.repeat(2_000_000)) },
      413,
      'LIMINAL_ERR_HTTP_REFUSED',
      /too large/,
    ],
    [
      'an event in seconds',
      '/events',
      { method: 'POST', headers: json, body: JSON.stringify({ ...past, ts: Math.floor(Date.now() / 1000) }) },
      400,
      'LIMINAL_ERR_EVENT_INVALID',
      /looks like seconds/,
    ],
  ] as const)('have one form: %s', async (_, path, init, status, code, message) => {
    const answer = await fetch(backend.url + path, init);
    expect(answer.status).toBe(status);
    const { error } = (await answer.json()) as { error: { code: string; message: string; requestId: string } };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.requestId).not.toBe('');
  });

  it('stand in the OpenAPI description of every route', async () => {
    const { paths } = (await (await fetch(`${backend.url}/docs/json`)).json()) as {
      paths: Record<string, Record<string, { responses: Record<string, object> }>>;
    };
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => ({ route: `${method} ${path}`, responses })),
    );
    expect(routes.length).toBeGreaterThan(20);
    const silent = routes.filter(({ responses }) => !('4XX' in responses && '5XX' in responses));
    expect(silent.map(({ route }) => route)).toEqual([]);
  });
});
