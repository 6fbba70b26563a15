import { describe, expect, test } from 'vitest';
import { accessLog } from './access-log.ts';

const parser = (await accessLog.survey((async function* () {})(), { year: undefined, now: 0 })).createParser();
const eventOf = (line: string): unknown => {
  const parsed = parser.parse(line);
  return 'events' in parsed ? parsed.events[0] : parsed;
};
const line = (request: string, rest = '200 12'): string =>
  `203.0.113.9 - - [22/Oct/2021:02:28:56 -0700] "${request}" ${rest}`;

describe('access log', () => {
  test('reads Combined Log Format: time with its zone, path without query, user agent', () => {
    expect(eventOf(line('GET /a/b.html?x=1#top HTTP/1.1', '404 305 "http://ref.example/" "Agent \\"7\\""'))).toEqual({
      kind: 'request',
      ts: Date.parse('2021-10-22T02:28:56-07:00'),
      user: 'ip:203.0.113.9',
      ip: '203.0.113.9',
      method: 'GET',
      route: '/a/b.html',
      status: 404,
      durationMs: 0,
      bytes: 305,
      userAgent: 'Agent \\"7\\"',
    });
  });

  test('reads Common Log Format; a dash is no value', () => {
    const event = eventOf(line('HEAD / HTTP/1.0', '304 -'));
    expect(event).toMatchObject({ method: 'HEAD', route: '/', status: 304 });
    expect(event).not.toHaveProperty('bytes');
    expect(event).not.toHaveProperty('userAgent');
  });

  test('takes the user who signed in, even with a space in the name', () => {
    const signedIn = '2001:db8::7 - Ann Example [01/Jan/2024:00:00:00 +0000] "GET / HTTP/2.0" 200 1';
    expect(eventOf(signedIn)).toMatchObject({ user: 'Ann Example', ip: '2001:db8::7' });
  });

  test.each([
    ['virtual host in front', 'shop.example:443 ::1 - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 1', '::1'],
    ['user agent cut off', line('GET / HTTP/1.1', '200 1 "-" "Mozilla/5.0 (cut'), '203.0.113.9'],
    ['fields behind', line('GET / HTTP/1.1', '200 1 "-" "-" 0.003 "more"'), '203.0.113.9'],
  ])('%s', (_, text, ip) => {
    expect(eventOf(text)).toMatchObject({ ip, route: '/', status: 200 });
  });

  test('strips scheme and host of an absolute target', () => {
    expect(eventOf(line('GET http://evil.example/x?y HTTP/1.1'))).toMatchObject({ route: '/x' });
    expect(eventOf(line('GET http://evil.example HTTP/1.1'))).toMatchObject({ route: '/' });
  });

  test('cuts long routes to the limit without half a character', () => {
    expect(eventOf(line(`GET /${'a'.repeat(2000)} HTTP/1.1`))).toMatchObject({ route: `/${'a'.repeat(1023)}` });
    expect(eventOf(line(`GET /${'a'.repeat(1022)}😀 HTTP/1.1`))).toMatchObject({ route: `/${'a'.repeat(1022)}` });
  });

  test.each([
    ['no access line', 'hello world', 'not a line of Common or Combined Log Format'],
    ['TLS on a plain port', line('\\x16\\x03\\x01'), 'the request line is no HTTP'],
    ['timed out before a request', line('-', '408 -'), 'the request line is no HTTP'],
    ['31 February', line('GET / HTTP/1.1').replace('22/Oct', '31/Feb'), 'the calendar has no such time'],
    ['no month', line('GET / HTTP/1.1').replace('Oct', 'Xyz'), 'the calendar has no such time'],
  ])('skips with a reason: %s', (_, text, reason) => {
    expect(eventOf(text)).toEqual({ skipped: reason });
  });
});
