// What a gradient rule sees and returns: one rule an operator, each in a file of its own. A rule writes standard operators and
// looks at nothing but its own node.
import type { Shape } from "../graph/dim.ts";
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import type { AnyForm, Form, LoweredOperation } from "../lowering/lowering.ts";
import type { ElementType } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import type { KnownNormalization } from "./normalized.ts";

/** One node of the forward graph, on the way back. */
export interface GradientContext {
  readonly node: OnnxNode;
  readonly emit: GraphEmitter;
  /** Name of input `index`. */
  input(index: number): string;
  /** Name of output 0. */
  readonly output: string;
  /** Gradient of the loss by output 0; has the output's shape. Turned away where the loss does not depend on output 0. */
  readonly gradient: string;
  /**
   * Gradient of the loss by output `index`, for nodes with several outputs; undefined where the loss does not depend on it.
   *
   * A node is turned away when its rule leaves out an output that has a gradient.
   */
  gradientOf(index: number): string | undefined;
  /** Whether the gradient by input `index` is wanted; what is not wanted must not be written. */
  wants(index: number): boolean;
  /** Shape of an input or output of the forward graph. */
  shapeOf(value: string): Shape;
  /** Type of such a value. */
  typeOf(value: string): ElementType;
  /** The tensor of an input that stays constant in training. */
  constant(index: number): OnnxTensor | undefined;
  /** Output `index` of this node, asked for even where the model left it out. */
  requestOutput(index: number): string;
  /** What the forward pass holds of this normalisation; undefined where its node stands as it is. */
  readonly normalization: KnownNormalization | undefined;
  /** Writes one of several forms of an operation: the one that was asked for, else the one that is predicted to be fastest. */
  lower(operation: LoweredOperation, forms: readonly Form[]): string;
  /** The form that {@link GradientContext.lower} would write, for forms with several results. */
  choose<F extends AnyForm>(operation: LoweredOperation, forms: readonly F[]): F;
}

/**
 * Gradient of the loss by each input, by position; undefined where it is not wanted. Each has exactly the shape of its input.
 *
 * An empty list says that the operator is flat. A list without a gradient that is wanted turns the node away.
 */
export type GradientRule = (context: GradientContext) => readonly (string | undefined)[];
