import type { ElementType } from '../onnx/graph-builder.ts';
import { adamStep } from './adam.ts';
import { DifferentiableGraph, type FloatType, type Tensor } from './differentiable-graph.ts';
import { LOOP, LOSS_OUTPUT } from './graph-names.ts';
import { gather } from './operations/layout.ts';
import type { AdamOptions } from './optimizer.ts';
import { type ParameterLayout, parameterCount, unpackParameters } from './parameters.ts';
import type { Shape } from './shape.ts';

export interface TensorDeclaration {
  shape: Shape;
  /** The graph's float type unless given. */
  type?: ElementType;
}

/** What is learned, from what, and by which loss. */
export interface TrainingProblem {
  parameters: ParameterLayout;
  /** What stays the same over all steps, e.g. the training rows. */
  dataSets: Readonly<Record<string, TensorDeclaration>>;
  /** What every step has its own of, e.g. the positions of the rows of its batch: the shape of one step. */
  stepInputs: Readonly<Record<string, TensorDeclaration>>;
  /** A scalar. `inputs`: data sets and the step's own inputs, by name. */
  loss(parameters: Readonly<Record<string, Tensor>>, inputs: Readonly<Record<string, Tensor>>): Tensor;
}

const STEPS = 'STEPS';

/**
 * A graph that does any number of training steps in one run: a Loop that carries parameters and moments. Inputs: those in
 * `LOOP`, rates as [steps]; the data sets; the step inputs with the step as first axis. `losses` [steps] are those before
 * each step's update.
 */
export function trainingLoop(
  problem: TrainingProblem,
  optimizer: AdamOptions,
  floatType: FloatType = 'float32',
): Uint8Array<ArrayBuffer> {
  const graph = new DifferentiableGraph(floatType);
  const vector = [parameterCount(problem.parameters)];
  const carried = [LOOP.parameters, LOOP.firstMoment, LOOP.secondMoment].map((name) => graph.input(name, vector));
  const steps = graph.input(LOOP.steps, [], { type: 'int64' });
  const rates = {
    learningRate: graph.input(LOOP.learningRate, [STEPS]),
    stepSize: graph.input(LOOP.stepSize, [STEPS]),
    secondMomentScale: graph.input(LOOP.secondMomentScale, [STEPS]),
  };
  const dataSets = declared(graph, problem.dataSets, []);
  const stepInputs = declared(graph, problem.stepInputs, [STEPS]);

  const body = graph.subgraph('step');
  const iteration = body.input('iteration', [], { type: 'int64' });
  const condition = body.input('condition', [], { type: 'bool' });
  const parameters = body.input('step_parameters', vector, { isDifferentiable: true });
  const firstMoment = body.input('step_first_moment', vector);
  const secondMoment = body.input('step_second_moment', vector);
  const loss = problem.loss(unpackParameters(parameters, problem.parameters), {
    ...dataSets,
    ...atIteration(stepInputs, iteration),
  });
  const [gradient] = body.gradients(loss, [parameters]);
  const next = adamStep({ parameters, firstMoment, secondMoment }, gradient!, atIteration(rates, iteration), optimizer);
  body.output(condition, 'next_condition');
  body.output(next.parameters, 'next_step_parameters');
  body.output(next.firstMoment, 'next_step_first_moment');
  body.output(next.secondMoment, 'next_step_second_moment');
  body.output(loss, 'loss');

  const always = graph.constant([1], [], 'bool');
  const outputs = graph.emit('Loop', [steps, always, ...carried], [vector, vector, vector, [STEPS]], {
    attributes: { body: { graph: body.builder } },
    type: floatType,
  });
  [LOOP.nextParameters, LOOP.nextFirstMoment, LOOP.nextSecondMoment, LOOP.losses].forEach((name, index) => {
    graph.output(outputs[index]!, name);
  });
  return graph.build('training-loop');
}

/** A graph that gives the loss alone: inputs `parameters`, the data sets and the step inputs (one step's, as declared). */
export function lossGraph(problem: TrainingProblem, floatType: FloatType = 'float32'): Uint8Array<ArrayBuffer> {
  const graph = new DifferentiableGraph(floatType);
  const parameters = graph.input(LOOP.parameters, [parameterCount(problem.parameters)]);
  const inputs = { ...declared(graph, problem.dataSets, []), ...declared(graph, problem.stepInputs, []) };
  graph.output(problem.loss(unpackParameters(parameters, problem.parameters), inputs), LOSS_OUTPUT);
  return graph.build('loss');
}

function declared(
  graph: DifferentiableGraph,
  declarations: Readonly<Record<string, TensorDeclaration>>,
  leading: Shape,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(declarations).map(([name, { shape, type }]) => [
      name,
      graph.input(name, [...leading, ...shape], type === undefined ? {} : { type }),
    ]),
  );
}

function atIteration<Name extends string>(
  tensors: Readonly<Record<Name, Tensor>>,
  iteration: Tensor,
): Record<Name, Tensor> {
  const entries = Object.entries<Tensor>(tensors).map(([name, tensor]) => [name, gather(tensor, iteration)] as const);
  return Object.fromEntries(entries) as Record<Name, Tensor>;
}
