// How few random cuts set a sample apart, as an out-of-distribution score. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { intBelow, type Random, uniform } from "../../ports/random.ts";
import { featureCountMax } from "./gaussianProfile.ts";
import { assertFeatures, type OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";

/** Random trees; all nodes of all trees in flat arrays, a tree's own one after the other. */
export interface IsolationForestProfile {
  readonly kind: "isolationForest";
  readonly dimension: number;
  /** Samples that each tree was grown on. */
  readonly subsample: number;
  /** Where each tree begins, `(trees,)`, rising from 0. */
  readonly roots: Uint32Array;
  /** The feature that a node cuts, or -1 at a leaf, `(nodes,)`. */
  readonly cutFeatures: Int16Array;
  /** Below it go left, `(nodes,)`. At a leaf: the length of the path to it, allowing for what was not grown. */
  readonly cutValues: Float64Array;
  /** The node to the right, `(nodes,)`; the left one is the next node. */
  readonly rights: Uint32Array;
}

/** Settings of {@link fitIsolationForest}. */
export interface IsolationForestSettings {
  /** 100 when left out. */
  readonly treeCount?: number | undefined;
  /** 256 when left out; fewer when there are fewer samples. */
  readonly subsample?: number | undefined;
}

/** 256 trees of 511 nodes of 14 bytes take 1.8 MB. */
const treesMax = 256;
const subsampleMax = 256;
const treesDefault = 100;
const subsampleDefault = 256;

/**
 * Grows random trees.
 *
 * - The same samples and random give the same forest.
 *
 * @param samples ones that `checkOodSamples` accepts
 * @param random draws samples, features and cuts
 * @returns `input.shape_mismatch` for settings out of range
 * @see Liu, Ting and Zhou 2008, "Isolation forest", algorithms 1 and 2. Deviation: a feature is drawn among those that still vary in a
 *   node, as otherwise constant features end trees early.
 */
export function fitIsolationForest(
  samples: OodSamples,
  random: Random,
  settings: IsolationForestSettings = {},
): Outcome<IsolationForestProfile> {
  const { features, labels, dimension } = samples;
  const { treeCount = treesDefault, subsample: wanted = subsampleDefault } = settings;
  if (
    !(Number.isInteger(treeCount) && treeCount >= 1 && treeCount <= treesMax) ||
    !(Number.isInteger(wanted) && wanted >= 2 && wanted <= subsampleMax)
  ) {
    return refuse(
      "input.shape_mismatch",
      `${treeCount} trees of ${wanted} samples; the limits are 1 to ${treesMax} and 2 to ${subsampleMax}`,
    );
  }
  const subsample = Math.min(wanted, labels.length);
  const depthMax = Math.ceil(Math.log2(subsample));
  const roots = new Uint32Array(treeCount);
  const cutFeatures: number[] = [];
  const cutValues: number[] = [];
  const rights: number[] = [];
  const valueOf = (sample: number, feature: number): number =>
    features[sample * dimension + feature] as number;

  function addNode(feature: number, value: number): number {
    cutFeatures.push(feature);
    cutValues.push(value);
    rights.push(0);
    return cutFeatures.length - 1;
  }

  function grow(members: readonly number[], depth: number): void {
    const varying: number[] = [];
    if (depth < depthMax && members.length > 1) {
      for (let feature = 0; feature < dimension; feature++) {
        const first = valueOf(members[0] as number, feature);
        if (members.some((sample) => valueOf(sample, feature) !== first)) varying.push(feature);
      }
    }
    if (varying.length === 0) {
      addNode(-1, depth + averagePath(members.length));
      return;
    }
    const feature = varying[intBelow(random, varying.length)] as number;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const sample of members) {
      low = Math.min(low, valueOf(sample, feature));
      high = Math.max(high, valueOf(sample, feature));
    }
    // Above the lowest, so that both sides have someone, also when no number lies between two neighbours.
    const drawn = low + uniform(random) * (high - low);
    const cut = drawn > low && drawn <= high ? drawn : high;
    const node = addNode(feature, cut);
    grow(
      members.filter((sample) => valueOf(sample, feature) < cut),
      depth + 1,
    );
    rights[node] = cutFeatures.length;
    grow(
      members.filter((sample) => !(valueOf(sample, feature) < cut)),
      depth + 1,
    );
  }

  const order = Uint32Array.from({ length: labels.length }, (_, sample) => sample);
  for (let tree = 0; tree < treeCount; tree++) {
    for (let place = 0; place < subsample; place++) {
      const other = place + intBelow(random, order.length - place);
      const moved = order[place] as number;
      order[place] = order[other] as number;
      order[other] = moved;
    }
    roots[tree] = cutFeatures.length;
    grow([...order.subarray(0, subsample)], 0);
  }
  return checkIsolationForest({
    kind: "isolationForest",
    dimension,
    subsample,
    roots,
    cutFeatures: Int16Array.from(cutFeatures),
    cutValues: Float64Array.from(cutValues),
    rights: Uint32Array.from(rights),
  });
}

/**
 * Checks a forest from outside: every path ends, inside its own tree.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkIsolationForest(
  profile: IsolationForestProfile,
): Outcome<IsolationForestProfile> {
  const { dimension, subsample, roots, cutFeatures, cutValues, rights } = profile;
  const nodes = cutFeatures.length;
  if (
    !(Number.isInteger(dimension) && dimension >= 1 && dimension <= featureCountMax) ||
    !(Number.isInteger(subsample) && subsample >= 2 && subsample <= subsampleMax) ||
    !(roots.length >= 1 && roots.length <= treesMax && roots[0] === 0) ||
    nodes > roots.length * (2 * subsampleMax - 1) ||
    cutValues.length !== nodes ||
    rights.length !== nodes
  ) {
    return refuse(
      "input.shape_mismatch",
      `forest of ${roots.length} trees and ${nodes} nodes on ${dimension} features and ${subsample} samples does not fit together; fit it again`,
    );
  }
  for (let tree = 0; tree < roots.length; tree++) {
    const from = roots[tree] as number;
    const to = roots[tree + 1] ?? nodes;
    if (!(to > from && to <= nodes)) {
      return refuse(
        "input.shape_mismatch",
        `tree ${tree} begins at node ${from} and ends before ${to} of ${nodes}; fit the forest again`,
      );
    }
    for (let node = from; node < to; node++) {
      const feature = cutFeatures[node] as number;
      const right = rights[node] as number;
      // Children lie behind their parent, so every path ends.
      const isCut = feature >= 0 && feature < dimension && right > node + 1 && right < to;
      if (!isCut && feature !== -1) {
        return refuse(
          "input.shape_mismatch",
          `node ${node} cuts feature ${feature} and goes on at ${right}, outside its tree; fit the forest again`,
        );
      }
      if (!Number.isFinite(cutValues[node])) {
        return refuse("input.not_finite", `node ${node} has no finite cut; fit the forest again`);
      }
    }
  }
  return accept(profile);
}

/**
 * Creates a scorer that measures how early random cuts set a sample apart.
 *
 * - Range: `(0, 1]`; about 0.5 for typical samples, near 1 for what one cut sets apart. O(trees · log(subsample)).
 *
 * @param profile one that {@link checkIsolationForest} accepts; its arrays are kept, not copied
 * @see Liu, Ting and Zhou 2008, "Isolation forest", equation 2 and algorithm 3. Deviation: none.
 */
export function createIsolationForestScorer(profile: IsolationForestProfile): OodScorer {
  const { dimension, subsample, roots, cutFeatures, cutValues, rights } = profile;
  const unit = averagePath(subsample);
  return {
    dimension,
    classCount: 0,
    score(features, featuresAt = 0) {
      assertFeatures(features, featuresAt, dimension);
      for (let i = 0; i < dimension; i++) {
        if (Number.isNaN(features[featuresAt + i])) return Number.NaN;
      }
      let sum = 0;
      for (let tree = 0; tree < roots.length; tree++) {
        let node = roots[tree] as number;
        for (let feature = cutFeatures[node] as number; feature >= 0; ) {
          const goesLeft = (features[featuresAt + feature] as number) < (cutValues[node] as number);
          node = goesLeft ? node + 1 : (rights[node] as number);
          feature = cutFeatures[node] as number;
        }
        sum += cutValues[node] as number;
      }
      return 2 ** (-sum / roots.length / unit);
    },
  };
}

/** Mean length of an unsuccessful search in a binary tree of so many samples. Liu et al. 2008, equation 1. */
function averagePath(count: number): number {
  if (count <= 1) return 0;
  if (count === 2) return 1;
  return 2 * (Math.log(count - 1) + 0.5772156649015329) - (2 * (count - 1)) / count;
}
