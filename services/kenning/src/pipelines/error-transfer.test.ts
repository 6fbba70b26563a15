import { LiminalError } from '@liminal/shared/runtime/errors';
import { describe, expect, it } from 'vitest';
import { packError, unpackError } from './error-transfer.ts';
import { OnnxParityError } from './training-errors.ts';

const cross = (error: unknown): Error => unpackError(structuredClone(packError(error)));

describe('an error that crosses a thread', () => {
  it('keeps class, message, stack and cause', () => {
    const error = new OnnxParityError('off by one', { cause: new RangeError('deep down') });
    const crossed = cross(error);
    expect(crossed).toBeInstanceOf(OnnxParityError);
    expect(crossed).toMatchObject({ name: 'OnnxParityError', message: 'off by one', stack: error.stack });
    expect(crossed.cause).toBeInstanceOf(RangeError);
    expect(crossed.cause).toMatchObject({ message: 'deep down' });
  });

  it('keeps code, status and details of a catalogued error', () => {
    const definition = { status: 409, message: 'no room for {count}' };
    const crossed = cross(new LiminalError('LIMINAL_ERR_TEST_FULL', definition, { count: 3 }));
    expect(crossed).toBeInstanceOf(LiminalError);
    expect(crossed).toMatchObject({
      code: 'LIMINAL_ERR_TEST_FULL',
      status: 409,
      details: { count: 3 },
      message: 'no room for 3',
    });
  });

  it('keeps the name of an unknown class, and the text of what is no error', () => {
    class Odd extends Error {
      override readonly name = 'Odd';
    }
    expect(cross(new Odd('strange'))).toMatchObject({ name: 'Odd', message: 'strange' });
    expect(cross('just text')).toMatchObject({ message: 'just text' });
  });
});
