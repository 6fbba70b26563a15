import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getIfPresent, type ModelStore, putImmutable } from '../src/adapters/model-store.ts';
import { ImmutableObjectError, InvalidObjectKeyError, ObjectNotFoundError } from '../src/adapters/object-errors.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** What every kind of model store promises. `open` gives a store that is empty. */
export function describeModelStore(name: string, open: () => Promise<{ store: ModelStore; close(): Promise<void> }>) {
  describe(name, () => {
    let store: ModelStore;
    let close: () => Promise<void>;

    beforeAll(async () => {
      ({ store, close } = await open());
    });
    afterAll(() => close());

    it('answers a ping before anything was put', async () => {
      await expect(store.ping()).resolves.toBeUndefined();
    });

    it('lists nothing while it is empty', async () => {
      expect(await store.list('')).toEqual([]);
      expect(await store.list('nothing/here/')).toEqual([]);
    });

    it('gives back every byte that was put', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.put('bytes/all.bin', bytes, { contentType: 'application/x-test' });
      expect(Uint8Array.from(await store.get('bytes/all.bin'))).toEqual(bytes);
      expect(await store.stat('bytes/all.bin')).toEqual({ key: 'bytes/all.bin', sizeBytes: 256 });
    });

    it('puts a view of a larger buffer without its surroundings', async () => {
      await store.put('bytes/view.bin', bytesOf('--inside--').subarray(2, 8));
      expect(textOf(await store.get('bytes/view.bin'))).toBe('inside');
    });

    it('keeps an empty object', async () => {
      await store.put('bytes/empty.bin', new Uint8Array());
      expect((await store.get('bytes/empty.bin')).byteLength).toBe(0);
      expect(await store.stat('bytes/empty.bin')).toEqual({ key: 'bytes/empty.bin', sizeBytes: 0 });
    });

    it('keeps an object of several megabytes whole', async () => {
      const large = Buffer.alloc(6 * 1024 * 1024 + 17, 'liminal');
      await store.put('bytes/large.bin', large);
      expect(large.equals(await store.get('bytes/large.bin'))).toBe(true);
    });

    it('replaces an object, also by a shorter one', async () => {
      await store.put('replaced', bytesOf('the longer first content'));
      await store.put('replaced', bytesOf('short'));
      expect(textOf(await store.get('replaced'))).toBe('short');
    });

    it('never shows a reader half of a replacement', async () => {
      const contents = ['a', 'b'].map((letter) => Buffer.alloc(300_000, letter));
      await store.put('contended', contents[0]!);
      let writing = true;
      const writer = (async () => {
        for (let round = 0; round < 20; round++) await store.put('contended', contents[round % 2]!);
        writing = false;
      })();
      while (writing) {
        const seen = Buffer.from(await store.get('contended'));
        expect(contents.some((content) => content.equals(seen))).toBe(true);
      }
      await writer;
    });

    it('says by class and by name which object is missing', async () => {
      await expect(store.get('missing/object')).rejects.toThrow(ObjectNotFoundError);
      await expect(store.get('missing/object')).rejects.toThrow(/missing\/object/);
      expect(await store.stat('missing/object')).toBeNull();
      expect(await getIfPresent(store, 'missing/object')).toBeNull();
    });

    it('takes a folder for no object', async () => {
      await store.put('folder/inside', bytesOf('x'));
      await expect(store.get('folder')).rejects.toThrow(ObjectNotFoundError);
      expect(await store.stat('folder')).toBeNull();
    });

    it('lists what begins with a prefix, sorted, with sizes', async () => {
      for (const key of ['listed/b/2', 'listed/a', 'listed/b/10', 'listed/b-side', 'other/x'])
        await store.put(key, bytesOf(key));
      const keysOf = async (prefix: string) => (await store.list(prefix)).map(({ key }) => key);
      expect(await store.list('listed/b/')).toEqual([
        { key: 'listed/b/10', sizeBytes: 11 },
        { key: 'listed/b/2', sizeBytes: 10 },
      ]);
      expect(await keysOf('listed/b')).toEqual(['listed/b-side', 'listed/b/10', 'listed/b/2']);
      expect(await keysOf('listed/')).toEqual(['listed/a', 'listed/b-side', 'listed/b/10', 'listed/b/2']);
      expect(await keysOf('')).toContain('other/x');
    });

    it('lists more objects than one page of an S3 answer holds', async () => {
      const keys = Array.from({ length: 1_050 }, (_, index) => `many/${String(index).padStart(5, '0')}`);
      for (let from = 0; from < keys.length; from += 50)
        await Promise.all(keys.slice(from, from + 50).map((key) => store.put(key, bytesOf('x'))));
      expect((await store.list('many/')).map(({ key }) => key)).toEqual(keys);
    }, 20_000);

    it('removes an object, and does not mind when it is gone already', async () => {
      await store.put('removed/object', bytesOf('x'));
      await store.remove('removed/object');
      await store.remove('removed/object');
      expect(await store.stat('removed/object')).toBeNull();
      expect(await store.list('removed/')).toEqual([]);
    });

    it.each([
      '../outside',
      'a/../../outside',
      '/absolute',
      'a//b',
      'a/',
      '',
      '.hidden',
      'a/.hidden',
      'a\\b',
      'a b',
      'ü',
      'nul\0',
      'x'.repeat(513),
    ])('refuses the key %j', async (key) => {
      await expect(store.put(key, bytesOf('x'))).rejects.toThrow(InvalidObjectKeyError);
      await expect(store.get(key)).rejects.toThrow(InvalidObjectKeyError);
      await expect(store.stat(key)).rejects.toThrow(InvalidObjectKeyError);
      await expect(store.remove(key)).rejects.toThrow(InvalidObjectKeyError);
    });

    it('refuses a prefix that leads outside', async () => {
      await expect(store.list('../')).rejects.toThrow(InvalidObjectKeyError);
      await expect(store.list('a/../..')).rejects.toThrow(InvalidObjectKeyError);
    });

    it('takes an immutable object twice with the same content, and never with other content', async () => {
      await putImmutable(store, 'immutable', bytesOf('first'));
      await putImmutable(store, 'immutable', bytesOf('first'));
      await expect(putImmutable(store, 'immutable', bytesOf('other'))).rejects.toThrow(ImmutableObjectError);
      await expect(putImmutable(store, 'immutable', bytesOf('of another size'))).rejects.toThrow(ImmutableObjectError);
      expect(textOf(await store.get('immutable'))).toBe('first');
    });
  });
}
