import { UsageError } from '@liminal/shared/runtime/usage-error';
import { describe, expect, it } from 'vitest';
import { parseRoute } from './route.ts';

describe('parseRoute', () => {
  it('reads a port and a service', () => {
    expect(parseRoute('8001=feature-extractor')).toEqual({ port: 8001, service: 'feature-extractor' });
  });

  it.each(['', '8002', 'predictor', '0=predictor', '65536=predictor', '8002=', '8002=a b', '8002=predictor:9'])(
    'refuses "%s" and says how it is written',
    (text) => {
      expect(() => parseRoute(text)).toThrow(UsageError);
      expect(() => parseRoute(text)).toThrow('write it as 8002=predictor');
    },
  );
});
