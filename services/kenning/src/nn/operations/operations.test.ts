import { readdirSync } from 'node:fs';
import type { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../differentiable-graph.ts';
import { applyOperation, type Operation } from '../operation.ts';
import { type GradientCheck, gradientError } from '../testing/gradient-check.ts';
import { softplus, weightedSquaredError } from './composed.ts';
import {
  add,
  div,
  ELEMENTWISE,
  exp,
  log,
  mul,
  neg,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './elementwise.ts';
import { concat, gather, LAYOUT, reshape, slice, split, transpose } from './layout.ts';
import { gemm, LINEAR, matMul } from './linear.ts';
import { REDUCTIONS, reduceMean, reduceSum } from './reduction.ts';

const LARGEST_ERROR = 1e-6;

type Checks = Record<string, GradientCheck>;

const unary = (operation: (x: Tensor) => Tensor, draw?: GradientCheck['draw']): Checks => ({
  '': { inputs: [[3, 4]], build: ([x]) => operation(x!), ...(draw && { draw }) },
});
const binary = (operation: (a: Tensor, b: Tensor) => Tensor): Checks =>
  Object.fromEntries(
    [
      [
        [4, 3],
        [4, 3],
      ],
      [[4, 3], [3]],
      [
        [4, 1],
        [1, 3],
      ],
      [[], [4, 3]],
      [
        [2, 4, 3],
        [1, 3],
      ],
    ].map((inputs) => [
      inputs.map((shape) => `[${shape}]`).join(' '),
      {
        inputs,
        build: ([a, b]) => operation(a!, b!),
        draw: (random) => random.uniform(0.5, 2),
      } satisfies GradientCheck,
    ]),
  );
const reduction = (operation: typeof reduceSum): Checks => ({
  'all axes': { inputs: [[3, 4]], build: ([x]) => square(operation(x!)) },
  'first axis': { inputs: [[3, 4]], build: ([x]) => square(operation(x!, { axes: [0] })) },
  'axes 0 and 2, kept': {
    inputs: [[2, 3, 4]],
    build: ([x]) => square(operation(x!, { axes: [0, 2], keepDimensions: true })),
  },
});
const gemms: Checks = Object.fromEntries(
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => [
      `${transposeA ? 'Aᵀ' : 'A'}${transposeB ? 'Bᵀ' : 'B'} + bias`,
      {
        inputs: [transposeA ? [3, 4] : [4, 3], transposeB ? [5, 3] : [3, 5], [5]],
        build: ([a, b, bias]) => gemm(a!, b!, bias, { transposeA, transposeB }),
      } satisfies GradientCheck,
    ]),
  ),
);
const positive = (random: Random) => random.uniform(0.2, 3);

/** Gradient checks of every operation, by the name it has in its table. */
const CHECKS: Record<string, Checks> = {
  add: binary(add),
  sub: binary(sub),
  mul: { ...binary(mul), 'by itself': { inputs: [[5]], build: ([x]) => mul(x!, x!) } },
  div: binary(div),
  neg: unary(neg),
  exp: unary(exp),
  log: unary(log, positive),
  sqrt: unary(sqrt, positive),
  square: unary(square),
  relu: unary(relu),
  tanh: unary(tanh),
  sigmoid: unary(sigmoid),
  where: {
    '': {
      inputs: [[3, 4], [4]],
      build: ([a, b], graph) =>
        where(graph.constant([1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0], [3, 4], 'bool'), square(a!), square(b!)),
    },
  },
  sum: reduction(reduceSum),
  mean: reduction(reduceMean),
  matMul: {
    '': {
      inputs: [
        [4, 3],
        [3, 5],
      ],
      build: ([a, b]) => matMul(a!, b!),
    },
  },
  gemm: {
    ...gemms,
    'no bias': {
      inputs: [
        [4, 3],
        [3, 5],
      ],
      build: ([a, b]) => gemm(a!, b!),
    },
  },
  concat: {
    '': {
      inputs: [
        [2, 4],
        [2, 2],
      ],
      build: ([a, b]) => square(concat([b!, a!, b!], 1)),
    },
  },
  split: {
    'one part unused': {
      inputs: [[2, 6]],
      build: ([x]) => {
        const [a, , c] = split(square(x!), [1, 2, 3], 1);
        return [a!, c!];
      },
    },
  },
  slice: { '': { inputs: [[3, 5]], build: ([x]) => slice(square(x!), { axis: 1, start: 1, end: 3 }) } },
  reshape: { '': { inputs: [[3, 4]], build: ([x]) => reshape(square(x!), [2, 6]) } },
  transpose: { '': { inputs: [[2, 3, 4]], build: ([x]) => transpose(square(x!), [2, 0, 1]) } },
  gather: {
    'a position twice, one never': {
      inputs: [[4, 3]],
      build: ([x], graph) => gather(square(x!), graph.constant([0, 2, 2, 0, 1, 0], [2, 3], 'int64')),
    },
  },
};

const COMPOSED: Record<string, GradientCheck> = {
  softplus: { inputs: [[12]], build: ([x]) => softplus(x!), draw: (random) => 5 * random.normal() },
  weightedSquaredError: {
    inputs: [
      [2, 3],
      [2, 3],
    ],
    build: ([a, b], graph) => weightedSquaredError(a!, b!, graph.constant([1, 0, 1, 1, 1, 0], [2, 3])),
  },
};

const OPERATIONS: Record<string, unknown> = { ...ELEMENTWISE, ...REDUCTIONS, ...LINEAR, ...LAYOUT };

describe('differentiable operations', () => {
  it('all have a gradient check, and every file of operations is looked at', () => {
    expect(Object.keys(CHECKS).toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
    const files = readdirSync(import.meta.dirname).filter((file) => !file.endsWith('.test.ts'));
    expect(files).toEqual(['composed.ts', 'elementwise.ts', 'layout.ts', 'linear.ts', 'reduction.ts']);
  });

  const cases = Object.entries(CHECKS).flatMap(([name, checks]) =>
    Object.entries(checks).map(([variant, check]) => [`${name} ${variant}`.trim(), check] as const),
  );
  it.each([...cases, ...Object.entries(COMPOSED)])('have the gradient of central differences: %s', async (_, check) => {
    expect(await gradientError(check)).toBeLessThan(LARGEST_ERROR);
  });

  it.each<[string, Operation, number]>([
    ['a factor is off', { ...ELEMENTWISE.tanh, backward: (step) => [() => step.gradients[0]!] }, 0.01],
    [
      'off by a thousandth',
      {
        ...ELEMENTWISE.exp,
        backward: ({ graph, outputs, gradients }) => [() => mul(mul(gradients[0]!, outputs[0]!), graph.scalar(1.001))],
      },
      5e-4,
    ],
    [
      'the sign is wrong',
      { ...ELEMENTWISE.exp, backward: (step) => [() => neg(ELEMENTWISE.exp.backward(step)[0]!())] },
      1,
    ],
  ])('are found out when a gradient is wrong: %s', async (_, operation, atLeast) => {
    const check: GradientCheck = { inputs: [[6]], build: ([x]) => applyOperation(operation, [x!], undefined) };
    expect(await gradientError(check)).toBeGreaterThan(atLeast);
  });

  it.each<[string, () => Promise<number>]>([
    [
      'matMul',
      () =>
        gradientError({
          inputs: [
            [2, 3],
            [2, 3],
          ],
          build: ([a, b]) => matMul(a!, b!),
        }),
    ],
    ['add', () => gradientError({ inputs: [[2, 3], [2]], build: ([a, b]) => add(a!, b!) })],
  ])('refuse shapes that do not fit: %s', async (_, build) => {
    await expect(build()).rejects.toThrow("don't fit");
  });
});
