import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { GroupReader, GroupSlots } from './groups.ts';

const reader = new GroupReader();

function routeGroup(route: string): string {
  const bytes = Buffer.from(`>${route}<`);
  reader.readRoute(bytes, 1, bytes.length - 1);
  return reader.name;
}

function channelGroup(channel: string): string {
  const bytes = Buffer.from(`>${channel}<`);
  reader.readChannel(bytes, 1, bytes.length - 1);
  return reader.name;
}

describe('the group of a route', () => {
  it.each([
    ['/', '/'],
    ['', '/'],
    ['/?page=2', '/'],
    ['unmatched', 'unmatched'],
    ['/api/v1/rooms/:id/messages', '/api/v1/rooms'],
    ['/api/v1/rooms/17/messages', '/api/v1/rooms'],
    ['/users/:name', '/users/:id'],
    ['/users/{userId}/items', '/users/:id/items'],
    ['/users/42?tab=1', '/users/:id'],
    ['/users//42/', '/users/:id'],
    ['/files/550e8400-e29b-41d4-a716-446655440000', '/files/:id'],
    ['/blobs/da39a3ee5e6b4b0d3255bfef95601890afd80709', '/blobs/:id'],
    ['/deadbeef/cafe2/e2e', '/deadbeef/cafe2/e2e'],
    [`/go/${'x'.repeat(41)}`, '/go/:id'],
    ['/straße/öl', '/straße/öl'],
    ['/a/b/c/d', '/a/b/c'],
  ])('%s is %s', (route, group) => {
    expect(routeGroup(route)).toBe(group);
    // So that a name that was stored finds the same slot.
    expect(routeGroup(group)).toBe(group);
  });
});

it('the group of a route has one name, whatever was read before', () => {
  const slots = new GroupSlots(4);
  const nameOf = (route: string): string => {
    const bytes = Buffer.from(route);
    reader.readRoute(bytes, 0, bytes.length);
    return slots.nameOf(slots.slotOf(reader));
  };
  expect(['api/me', '/api/me', 'api/me', '', '/', '?a=1'].map(nameOf)).toEqual([
    'api/me',
    '/api/me',
    'api/me',
    '/',
    '/',
    '/',
  ]);
});

describe('the group of a channel', () => {
  it.each([
    ['room-17', 'room'],
    ['room:lobby', 'room'],
    ['chat42', 'chat'],
    ['#ubuntu', '#ubuntu'],
    ['general', 'general'],
    ['42', ':id'],
    ['#1', ':id'],
    ['ä'.repeat(50), 'ä'.repeat(20)],
    [`x${'ä'.repeat(50)}`, `x${'ä'.repeat(19)}`],
  ])('%s is %s', (channel, group) => {
    expect(channelGroup(channel)).toBe(group);
    expect(channelGroup(group)).toBe(group);
  });
});

describe('slots', () => {
  const slotOf = (slots: GroupSlots, route: string): number => {
    const bytes = Buffer.from(route);
    reader.readRoute(bytes, 0, bytes.length);
    return slots.slotOf(reader);
  };

  it('are one a group, the last one for all that come when there is none left, until some are freed', () => {
    const slots = new GroupSlots(4);
    expect(['/a', '/b', '/a', '/c', '/d', '/e', '/b'].map((route) => slotOf(slots, route))).toEqual([
      0, 1, 0, 2, 3, 4, 1,
    ]);
    slots.keepOnly((slot) => slot !== 1);
    expect(['/e', '/f', '/d', '/a'].map((route) => slotOf(slots, route))).toEqual([1, 4, 3, 0]);
    expect(slots.nameOf(1)).toBe('/e');
  });

  it('stay right through thousands of groups that come and go', () => {
    const random = new Random(5);
    const slots = new GroupSlots(64);
    const held = new Map<string, number>();
    for (let step = 0; step < 20_000; step++) {
      const route = `/g${random.int(300)}x`;
      const slot = slotOf(slots, route);
      if (held.has(route)) expect(slot).toBe(held.get(route));
      else if (held.size === 64) expect(slot).toBe(64);
      else {
        expect([...held.values()]).not.toContain(slot);
        held.set(route, slot);
      }
      if (random.next() > 0.01) continue;
      for (const [name] of held) if (random.next() < 0.5) held.delete(name);
      const kept = new Set(held.values());
      slots.keepOnly((slot) => kept.has(slot));
    }
  });
});
