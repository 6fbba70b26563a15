import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseModelStoreUrl } from './model-store-url.ts';
import { ModelStoreConfigError } from './object-errors.ts';

const credentials = { accessKey: 'key', secretKey: 'secret' };

describe('parseModelStoreUrl', () => {
  it('takes a directory from the working directory or from the root', () => {
    expect(parseModelStoreUrl('file:.liminal/models')).toEqual({ kind: 'file', directory: resolve('.liminal/models') });
    expect(parseModelStoreUrl('file:/var/models')).toEqual({ kind: 'file', directory: '/var/models' });
    expect(parseModelStoreUrl('file:///var/with%20blank')).toEqual({ kind: 'file', directory: '/var/with blank' });
  });

  it('takes a bucket with settings of its own for the credentials', () => {
    expect(parseModelStoreUrl('s3://minio:9100/liminal-models?tls=true&region=eu-central-1', credentials)).toEqual({
      kind: 's3',
      host: 'minio',
      port: 9100,
      tls: true,
      bucket: 'liminal-models',
      region: 'eu-central-1',
      accessKey: 'key',
      secretKey: 'secret',
    });
  });

  it('takes percent-encoded credentials inside the URL', () => {
    const location = parseModelStoreUrl('s3://key:se%2Fcr%40et@minio/liminal-models');
    expect(location).toMatchObject({ accessKey: 'key', secretKey: 'se/cr@et', port: 9000, tls: false });
  });

  it.each([
    ['s3://minio/models', 9000, false],
    ['s3://minio/models?tls=true', 443, true],
    ['http://minio/models', 80, false],
    ['https://minio/models', 443, true],
    ['http://minio:9000/models', 9000, false],
  ])('of %s takes the port and TLS as the scheme says', (url, port, tls) => {
    expect(parseModelStoreUrl(url, credentials)).toMatchObject({ port, tls });
  });

  it.each([
    ['', undefined],
    ['models', undefined],
    ['ftp://host/models', credentials],
    ['file:', undefined],
    ['file://host/models', undefined],
    ['s3://minio', credentials],
    ['s3://minio/UPPER', credentials],
    ['s3://minio/models/below', credentials],
    ['s3://minio/models?tls=yes', credentials],
    ['s3://minio/models', undefined],
    ['s3://minio/models', { accessKey: 'key', secretKey: '' }],
    ['s3://key:secret@minio/models', credentials],
  ])('refuses %j', (url, given) => {
    expect(() => parseModelStoreUrl(url, given)).toThrow(ModelStoreConfigError);
  });

  it.each(['s3://key:hunter2@:port/models', 's3://key:hunter2%zz@minio/models', 's3://key:hunter2@minio/UPPER'])(
    'never repeats the secret of %s',
    (url) => {
      try {
        parseModelStoreUrl(url);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(ModelStoreConfigError);
        expect(String(error) + String((error as Error).cause)).not.toContain('hunter2');
      }
    },
  );
});
