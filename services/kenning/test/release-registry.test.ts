import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { ObjectNotFoundError } from '@liminal/shared/adapters/object-errors';
import { type ReleaseManifest, releaseKeys } from '@liminal/shared/contracts/release';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { loadRelease, readPointer } from '@liminal/shared/release/load-release';
import {
  ReleaseFileError,
  ReleaseIncompleteError,
  ReleaseManifestError,
  ReleaseMismatchError,
  ReleaseRecordError,
  ReleaseSignatureError,
} from '@liminal/shared/release/release-errors';
import { loadOrCreateSigningKey, readTrustedKeys, signBytes } from '@liminal/shared/release/signing-key';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishRelease } from '../src/registry/publish-release.ts';
import { ModelFileDamagedError, ReleaseRegistry } from '../src/registry/release-registry.ts';
import { CrashError, FailingStore } from './failing-store.ts';
import { releaseDraft } from './release-draft.ts';

const { privateKey: signingKey, publicKey } = generateKeyPairSync('ed25519');
const START = Date.parse('2026-11-23T10:00:00.000Z');

let directory: string;
let store: ModelStore;
let now: number;
let warnings: string[];
const clock = () => now;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-registry-'));
  store = openModelStore(`file:${directory}`);
  now = START;
  warnings = [];
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const registryOn = (target: ModelStore) =>
  new ReleaseRegistry({ store: target, signingKey, clock, log: { warn: (_, message) => warnings.push(message) } });

async function publishAt(time: number, seed: number) {
  now = time;
  return publishRelease(store, signingKey, releaseDraft(seed), clock);
}

async function change(key: string, edit: (bytes: Uint8Array) => void): Promise<void> {
  const bytes = Uint8Array.from(await store.get(key));
  edit(bytes);
  await store.put(key, bytes);
}

function combinationFile(combination: ReleaseManifest['combination']): string {
  if (combination.method === 'single') throw new Error('the draft combines two models');
  return combination.file;
}

const flipByte = (index: number) => (bytes: Uint8Array) => {
  bytes[index]! ^= 1;
};

describe('after the private key was lost', () => {
  it('the release that serves goes on serving, and the new key signs the next one', async () => {
    const files = {
      privateKeyFile: join(directory, 'keys/private.pem'),
      publicKeyFile: join(directory, 'keys/public.pem'),
    };
    const registryWith = async () =>
      new ReleaseRegistry({
        store,
        signingKey: await loadOrCreateSigningKey(files),
        trustedKeys: await readTrustedKeys(files.publicKeyFile),
        clock,
        log: { warn: (_, text) => warnings.push(text) },
      });
    const before = await registryWith();
    const { id: old } = await before.publish(releaseDraft(1));
    await before.promote(old, 'first', 'test');

    await rm(files.privateKeyFile);
    const after = await registryWith();
    now += 60_000;
    const { id: next } = await after.publish(releaseDraft(2));
    expect((await after.listReleases()).map(({ id }) => id)).toEqual([next, old]);
    const trusted = await readTrustedKeys(files.publicKeyFile);
    expect((await loadRelease(store, trusted, old)).manifest.id).toBe(old);
    await after.promote(next, 'second', 'test');
    await after.rollback(old, 'back again', 'test');
    expect(await after.pointer('production')).toMatchObject({ release: old });
    // Without the key that was kept, the old release is what nobody here signed.
    await expect(loadRelease(store, trusted[0]!, old)).rejects.toThrow(ReleaseSignatureError);
    await expect(loadRelease(store, trusted[1]!, next)).rejects.toThrow(ReleaseSignatureError);
    expect(warnings).toEqual([]);
  });
});

describe('a published release', () => {
  it('loads as it was published, byte for byte', async () => {
    const draft = releaseDraft(1);
    const manifest = await publishRelease(store, signingKey, draft, clock);
    const loaded = await loadRelease(store, publicKey, manifest.id);
    expect(loaded.manifest).toEqual(manifest);
    expect(loaded.manifest).toMatchObject({ createdAt: '2026-11-23T10:00:00.000Z', featureSchemaVersion: 1 });
    for (const { name, bytes } of draft.models) {
      expect(Buffer.from(loaded.files.get(name)!).equals(bytes)).toBe(true);
    }
    expect(loaded.background).toEqual(draft.background.values);
    expect(manifest.background).toMatchObject({ rows: 2, columns: 7 });
    expect(loaded.combination).toEqual(draft.combination);
    expect(manifest.combination).toMatchObject({ method: 'minimum-p', rows: 200 });
  });

  it('loads in the form of the first releases, which alarmed by the p-value of one model', async () => {
    const { models, ...manifest } = await publishAt(START, 1);
    const earlier = {
      ...manifest,
      models: models.map(({ appliesTo: _, outputs: { score, pValue }, ...model }) => {
        return { ...model, outputs: { score, pValue } };
      }),
      combination: { method: 'single', model: 'isolation-forest' },
    };
    const bytes = canonicalJsonBytes(earlier);
    await store.put(releaseKeys.manifest(manifest.id), bytes);
    await store.put(releaseKeys.signature(manifest.id), signBytes(bytes, signingKey));
    const loaded = await loadRelease(store, publicKey, manifest.id);
    expect(loaded.combination).toBeNull();
    expect(loaded.manifest.models[0]).toMatchObject({ appliesTo: 'every-vector', outputs: { pValue: 'p_value' } });
  });

  it('lies where DESIGN says, under an id that sorts by time and depends on the content', async () => {
    const first = await publishAt(START, 1);
    const other = await publishAt(START, 2);
    const later = await publishAt(START + 1_000, 1);
    expect(first.id).toMatch(/^r-20261123T100000-[0-9a-f]{8}$/);
    expect(other.id).not.toBe(first.id);
    expect(first.id < later.id).toBe(true);
    expect(first.models[0]!.version).toBe(later.models[0]!.version);
    const { name, version } = first.models[0]!;
    expect((await store.list('')).map(({ key }) => key)).toEqual(
      expect.arrayContaining([
        `models/${name}/${version}/model.onnx`,
        `releases/${first.id}/release.json`,
        `releases/${first.id}/release.sig`,
      ]),
    );
  });

  it('is the same when it is published twice', async () => {
    const first = await publishAt(START, 1);
    const before = await store.list('');
    expect(await publishAt(START, 1)).toEqual(first);
    expect(await store.list('')).toEqual(before);
  });

  it('is refused before anything is written when the draft does not fit together', async () => {
    const unfit = [
      releaseDraft(1, { combination: { ...releaseDraft(1).combination, models: ['isolation-forest', 'autoencoder'] } }),
      releaseDraft(1, { combination: { ...releaseDraft(1).combination, models: ['lstm', 'lstm'] } }),
      releaseDraft(1, { models: [] }),
      releaseDraft(1, { background: { values: new Float32Array(13), columns: 7 } }),
      releaseDraft(1, { models: [releaseDraft(1).models[0]!, releaseDraft(2).models[0]!] }),
    ];
    for (const draft of unfit) await expect(publishRelease(store, signingKey, draft, clock)).rejects.toThrow();
    expect(await store.list('')).toEqual([]);
  });
});

describe('a release that was changed', () => {
  it.each([
    ['the first byte of a model', (_: string, file: string) => ({ key: file, edit: flipByte(0) }), ReleaseFileError],
    ['the last byte of a model', (_: string, file: string) => ({ key: file, edit: flipByte(999) }), ReleaseFileError],
    [
      'a byte of the manifest',
      (id: string) => ({ key: releaseKeys.manifest(id), edit: flipByte(40) }),
      ReleaseSignatureError,
    ],
    [
      'a byte of the signature',
      (id: string) => ({ key: releaseKeys.signature(id), edit: flipByte(63) }),
      ReleaseSignatureError,
    ],
  ] as const)('is refused: %s', async (_, target, errorClass) => {
    const manifest = await publishAt(START, 1);
    const { key, edit } = target(manifest.id, manifest.models[0]!.file);
    await change(key, edit);
    await expect(loadRelease(store, publicKey, manifest.id)).rejects.toThrow(errorClass);
  });

  it('is refused whichever byte of the manifest or the signature is flipped', async () => {
    const { id } = await publishAt(START, 1);
    for (const key of [releaseKeys.manifest(id), releaseKeys.signature(id)]) {
      const original = await store.get(key);
      for (let index = 0; index < original.byteLength; index += 13) {
        await change(key, flipByte(index));
        await expect(loadRelease(store, publicKey, id), `${key} byte ${index}`).rejects.toThrow(ReleaseSignatureError);
        await store.put(key, original);
      }
    }
    await loadRelease(store, publicKey, id);
  });

  it('is refused when a file is longer, shorter or of another size in the background', async () => {
    const { id, models, background, combination } = await publishAt(START, 1);
    for (const file of [models[0]!.file, background.file, combinationFile(combination)]) {
      const original = await store.get(file);
      for (const bytes of [original.subarray(1), Buffer.concat([original, original])]) {
        await store.put(file, bytes);
        await expect(loadRelease(store, publicKey, id)).rejects.toThrow(ReleaseFileError);
        await expect(loadRelease(store, publicKey, id)).rejects.toThrow(`found ${bytes.byteLength} bytes`);
      }
      await store.put(file, original);
    }
  });

  it.each(['manifest', 'signature', 'model', 'background', 'combination'])(
    'says that its %s is missing',
    async (part) => {
      const { id, models, background, combination } = await publishAt(START, 1);
      const keys: Record<string, string> = {
        manifest: releaseKeys.manifest(id),
        signature: releaseKeys.signature(id),
        model: models[1]!.file,
        background: background.file,
        combination: combinationFile(combination),
      };
      await store.remove(keys[part]!);
      await expect(loadRelease(store, publicKey, id)).rejects.toThrow(ReleaseIncompleteError);
      await expect(loadRelease(store, publicKey, id)).rejects.toThrow(keys[part]!);
    },
  );

  it('is refused when it is signed with another key, with empty bytes for a signature, or not at all', async () => {
    const { id } = await publishAt(START, 1);
    await expect(loadRelease(store, generateKeyPairSync('ed25519').publicKey, id)).rejects.toThrow(
      ReleaseSignatureError,
    );
    await store.put(releaseKeys.signature(id), new Uint8Array());
    await expect(loadRelease(store, publicKey, id)).rejects.toThrow(ReleaseSignatureError);
  });

  it('is refused when an old one was copied to its place', async () => {
    const old = await publishAt(START, 1);
    const current = await publishAt(START + 1_000, 2);
    for (const keyOf of [releaseKeys.manifest, releaseKeys.signature]) {
      await store.put(keyOf(current.id), await store.get(keyOf(old.id)));
    }
    await expect(loadRelease(store, publicKey, current.id)).rejects.toThrow(ReleaseMismatchError);
  });

  it('is refused when it is signed but of another form', async () => {
    const manifest = await publishAt(START, 1);
    for (const other of [{ ...manifest, featureSchemaVersion: 2 }, { ...manifest, extra: true }, null, []]) {
      const bytes = canonicalJsonBytes(other);
      await store.put(releaseKeys.manifest(manifest.id), bytes);
      await store.put(releaseKeys.signature(manifest.id), signBytes(bytes, signingKey));
      await expect(loadRelease(store, publicKey, manifest.id)).rejects.toThrow(ReleaseManifestError);
    }
  });

  it('is not parsed before its signature was checked', async () => {
    const { id } = await publishAt(START, 1);
    await store.put(releaseKeys.manifest(id), Buffer.from('{"not": JSON'));
    await expect(loadRelease(store, publicKey, id)).rejects.toThrow(ReleaseSignatureError);
  });
});

describe('the registry', () => {
  it('has no pointer, release, model or history at first', async () => {
    const registry = registryOn(store);
    await registry.recover();
    expect(await registry.pointer('production')).toBeNull();
    expect(await registry.listReleases()).toEqual([]);
    expect(await registry.listModels()).toEqual([]);
    expect(await registry.history()).toEqual([]);
  });

  it('promotes, rolls back and shadows, and says what served when and why', async () => {
    const [first, second] = [await publishAt(START, 1), await publishAt(START + 1_000, 2)];
    const registry = registryOn(store);
    now = START + 2_000;
    await registry.promote(first.id, 'first release', 'kenning');
    now = START + 3_000;
    await registry.shadow(second.id, 'to be compared', 'auto-retrainer');
    await registry.promote(second.id, 'better', 'auto-retrainer');
    now = START + 4_000;
    const rolledBack = await registry.rollback(first.id, 'too many alarms', 'ada');
    expect(rolledBack).toEqual({
      release: first.id,
      since: '2026-11-23T10:00:04.000Z',
      action: 'rollback',
      previous: second.id,
      reason: 'too many alarms',
      by: 'ada',
    });
    expect(await readPointer(store, 'production')).toEqual(rolledBack);
    expect((await readPointer(store, 'shadow'))?.release).toBe(second.id);
    const history = await registry.history();
    expect(history.map(({ pointer, action, release }) => [pointer, action, release])).toEqual([
      ['production', 'promote', first.id],
      ['shadow', 'shadow', second.id],
      ['production', 'promote', second.id],
      ['production', 'rollback', first.id],
    ]);
    expect(history.at(-1)).toEqual({
      at: '2026-11-23T10:00:04.000Z',
      pointer: 'production',
      action: 'rollback',
      release: first.id,
      previous: second.id,
      reason: 'too many alarms',
      by: 'ada',
    });
  });

  it('changes nothing when it promotes what serves already', async () => {
    const { id } = await publishAt(START, 1);
    const registry = registryOn(store);
    const pointer = await registry.promote(id, 'first', 'kenning');
    now += 60_000;
    expect(await registry.promote(id, 'again', 'kenning')).toEqual(pointer);
    expect(await registry.history()).toHaveLength(1);
  });

  it('does not promote what the predictor could not load', async () => {
    const [good, bad] = [await publishAt(START, 1), await publishAt(START + 1_000, 2)];
    await change(bad.models[0]!.file, flipByte(3));
    const registry = registryOn(store);
    await registry.promote(good.id, 'first', 'kenning');
    await expect(registry.promote(bad.id, 'better', 'kenning')).rejects.toThrow(ReleaseFileError);
    await expect(registry.promote('r-20990101T000000-00000000', 'x', 'y')).rejects.toThrow(ReleaseIncompleteError);
    await expect(registry.promote('../../etc', 'x', 'y')).rejects.toThrow(/release id/);
    expect((await registry.pointer('production'))?.release).toBe(good.id);
  });

  it('keeps moves apart in the history while the clock stands still', async () => {
    const [first, second] = [await publishAt(START, 1), await publishAt(START, 2)];
    const registry = registryOn(store);
    for (const { id } of [first, second, first, second]) await registry.promote(id, 'same reason', 'same hand');
    const times = (await registry.history()).map(({ at }) => at);
    expect(new Set(times).size).toBe(4);
    expect([...times].sort()).toEqual(times);
  });

  it('loses no move when many are asked for at once', async () => {
    const releases = [];
    for (let seed = 0; seed < 6; seed++) releases.push(await publishAt(START + seed * 1_000, seed));
    const registry = registryOn(store);
    await Promise.all(releases.map(({ id }) => registry.promote(id, 'race', 'test')));
    const history = await registry.history();
    expect(history.map(({ release }) => release)).toEqual(releases.map(({ id }) => id));
    expect(history.map(({ previous }) => previous)).toEqual([null, ...releases.slice(0, -1).map(({ id }) => id)]);
  });

  it('repairs a damaged pointer with the next move, and says so', async () => {
    const { id } = await publishAt(START, 1);
    await store.put(releaseKeys.pointer('production'), Buffer.from('{'));
    const registry = registryOn(store);
    await expect(registry.pointer('production')).rejects.toThrow(ReleaseRecordError);
    expect((await registry.promote(id, 'repair', 'ada')).previous).toBeNull();
    expect(warnings).toContain('pointer to a release is damaged');
  });

  it('names the damaged line of the history, and still moves pointers', async () => {
    const [first, second] = [await publishAt(START, 1), await publishAt(START, 2)];
    const registry = registryOn(store);
    await registry.promote(first.id, 'first', 'kenning');
    await store.put(
      releaseKeys.history,
      Buffer.concat([await store.get(releaseKeys.history), Buffer.from('half a li')]),
    );
    await registry.promote(second.id, 'second', 'kenning');
    await expect(registry.history()).rejects.toThrow(/line 2 /);
    expect((await registry.pointer('production'))?.release).toBe(second.id);
  });

  it('lists releases and models newest first, leaving out what is unsigned or changed', async () => {
    const [first, second, changed] = [
      await publishAt(START, 1),
      await publishAt(START + 1_000, 2),
      await publishAt(START + 2_000, 3),
    ];
    const again = await publishAt(START + 3_000, 1);
    await change(releaseKeys.manifest(changed.id), flipByte(20));
    await store.put(releaseKeys.manifest('r-20261124T000000-00000000'), Buffer.from('{}'));
    await store.put('releases/not-a-release/release.sig', Buffer.from('x'));
    const registry = registryOn(store);
    expect((await registry.listReleases()).map(({ id }) => id)).toEqual([again.id, second.id, first.id]);
    expect(warnings).toEqual(['release left out of the list']);
    const models = await registry.listModels();
    expect(models.map(({ model, releases }) => [model.name, releases])).toEqual([
      ['isolation-forest', [again.id, first.id]],
      ['lstm', [again.id, first.id]],
      ['isolation-forest', [second.id]],
      ['lstm', [second.id]],
    ]);
  });

  it('hands out the file of a model unless it is missing or changed', async () => {
    const draft = releaseDraft(1);
    const { models } = await publishRelease(store, signingKey, draft, clock);
    const { version, file } = models[0]!;
    const registry = registryOn(store);
    expect(Buffer.from(draft.models[0]!.bytes).equals(await registry.getModelFile('isolation-forest', version))).toBe(
      true,
    );
    await expect(registry.getModelFile('autoencoder', version)).rejects.toThrow(ObjectNotFoundError);
    await change(file, flipByte(5));
    await expect(registry.getModelFile('isolation-forest', version)).rejects.toThrow(ModelFileDamagedError);
  });
});

describe('a crash', () => {
  it('while publishing leaves no release, or a whole one, and the next try succeeds', async () => {
    const complete = new FailingStore(store, Number.POSITIVE_INFINITY);
    await publishRelease(complete, signingKey, releaseDraft(99), clock);
    expect(complete.changes).toBe(6); // two models, background, combination, manifest, signature
    for (let failAt = 0; failAt < complete.changes; failAt++) {
      const draft = releaseDraft(failAt, { background: { values: Float32Array.of(failAt), columns: 1 } });
      const crashing = publishRelease(new FailingStore(store, failAt), signingKey, draft, clock);
      await expect(crashing).rejects.toThrow(CrashError);
      expect(await registryOn(store).listReleases()).toHaveLength(1 + failAt);
      expect(warnings).toEqual([]);
      const { id } = await publishRelease(store, signingKey, draft, clock);
      await loadRelease(store, publicKey, id);
    }
  });

  it('while promoting keeps what served, or completes the history at the next start', async () => {
    const [first, second] = [await publishAt(START, 1), await publishAt(START + 1_000, 2)];
    await registryOn(store).promote(first.id, 'first', 'kenning');

    const beforePointer = registryOn(new FailingStore(store, 0)).promote(second.id, 'second', 'kenning');
    await expect(beforePointer).rejects.toThrow(CrashError);
    expect((await readPointer(store, 'production'))?.release).toBe(first.id);
    expect(await registryOn(store).history()).toHaveLength(1);

    const beforeHistory = registryOn(new FailingStore(store, 1)).promote(second.id, 'second', 'kenning');
    await expect(beforeHistory).rejects.toThrow(CrashError);
    expect((await readPointer(store, 'production'))?.release).toBe(second.id);
    expect(await registryOn(store).history()).toHaveLength(1);

    const restarted = registryOn(store);
    await restarted.recover();
    await restarted.recover();
    const history = await restarted.history();
    expect(history.map(({ release, previous }) => [release, previous])).toEqual([
      [first.id, null],
      [second.id, first.id],
    ]);
  });

  it('while promoting is completed by the same call made again', async () => {
    const { id } = await publishAt(START, 1);
    await expect(registryOn(new FailingStore(store, 1)).promote(id, 'first', 'kenning')).rejects.toThrow(CrashError);
    now += 5_000;
    await registryOn(store).promote(id, 'first', 'kenning');
    expect((await registryOn(store).history()).map(({ release }) => release)).toEqual([id]);
  });
});

describe('a move on request', () => {
  const move = (release: string, expected?: string) => ({
    pointer: 'production' as const,
    action: 'promote' as const,
    release,
    ...(expected !== undefined && { expected }),
    reason: 'test',
    requestedBy: 'auto-retrainer',
  });

  it('is done once however often it is asked for', async () => {
    const registry = registryOn(store);
    const [first, second] = [await publishAt(START, 1), await publishAt(START + 1000, 2)];
    await registry.promote(first.id, 'test', 'test');
    for (let time = 0; time < 2; time++) {
      expect(await registry.move(move(second.id, first.id))).toMatchObject({
        moved: true,
        pointer: { release: second.id },
      });
    }
    expect((await registry.history()).map(({ release }) => release)).toEqual([first.id, second.id]);
  });

  it('is left alone when somebody has moved the pointer meanwhile', async () => {
    const registry = registryOn(store);
    const releases = [await publishAt(START, 1), await publishAt(START + 1000, 2), await publishAt(START + 2000, 3)];
    const [first, second, third] = releases.map(({ id }) => id);
    await registry.promote(third!, 'test', 'a person');
    expect(await registry.move(move(second!, first!))).toMatchObject({ moved: false, pointer: { release: third } });
    expect(await readPointer(store, 'production')).toMatchObject({ release: third, by: 'a person' });
  });
});
