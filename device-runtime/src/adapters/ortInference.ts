// Loaded versions on ONNX Runtime. It must not know which version is active, nor where parts are kept.
import {
  accept,
  type Digest,
  digestLater,
  encodeParameters,
  Fault,
  type LaterHashing,
  type ModelVersion,
  type Outcome,
  refuse,
} from "@attune/protocol";
import type { CompiledServing } from "../model/compile/compileServing.ts";
import { createPredictor, type Predictor } from "../model/session/createPredictor.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { checkSizes, type ModelPackage } from "../package/modelPackage.ts";
import { toModelInput, windowLength } from "../package/preprocessing.ts";
import { fillServing, type ServingForm } from "../package/servingForm.ts";
import type { Inference, LoadedVersion } from "../ports/inference.ts";
import { laterCode } from "./laterCode.ts";
import { platformHashing } from "./platformHashing.ts";

/** A session that any number of versions and users share. */
interface Trunk {
  readonly predictor: Predictor;
  /** Runs of one session must not overlap: each waits for the one before. */
  tail: Promise<unknown>;
  /** Model input of the run under way. */
  scratch: Float32Array;
}

interface Shared<T> {
  readonly value: Promise<T>;
  userCount: number;
}

/** Everything under a key is made once, and freed with its last user. */
function createShelf<T>(free: (value: T) => Promise<void>): {
  take(key: string, make: () => Promise<T>): Promise<T>;
  giveBack(key: string): Promise<void>;
} {
  const entries = new Map<string, Shared<T>>();
  return {
    async take(key, make) {
      let entry = entries.get(key);
      if (entry === undefined) {
        entry = { value: make(), userCount: 0 };
        entries.set(key, entry);
      }
      entry.userCount += 1;
      try {
        return await entry.value;
      } catch (error) {
        if (entries.get(key) === entry) entries.delete(key);
        throw error;
      }
    },
    async giveBack(key) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      entry.userCount -= 1;
      if (entry.userCount > 0) return;
      entries.delete(key);
      await free(await entry.value);
    },
  };
}

/** What `load` could not make, on its way through the shelf. */
class NotLoadable extends Error {
  readonly refusal: Extract<Outcome<never>, { ok: false }>;

  constructor(refusal: Extract<Outcome<never>, { ok: false }>) {
    super(refusal.refusal.message);
    this.refusal = refusal;
  }
}

interface LoadedParts {
  readonly modelPackage: ModelPackage;
  readonly scope: LoadedVersion["scope"];
  readonly trunkDigest: Digest;
  readonly trunk: Trunk;
  readonly areFeaturesShared: boolean;
}

/** What a predictor runs: windows of samples are one input of float32, of any batch. */
function predictedBy(serving: ServingForm, graph: Uint8Array): CompiledServing {
  const { names, parameters, sampleDims, logitCount, featureCount } = serving;
  return {
    graph,
    names,
    parameters,
    inputs: [{ name: names.data, type: "float32", dims: sampleDims }],
    sampleDims,
    batchSize: undefined,
    logitCount,
    featureCount,
  };
}

/**
 * Creates the inference of a process, for all of its devices.
 *
 * The parameters of the training scope are inputs of the session, whatever the scope: so all users, and all versions that differ
 * only there, share one session, and a swap costs nothing. What that costs is measured in docs/adr/0005.
 *
 * @param hashing hashes what sessions are shared by
 * @example
 * const inference = createInference(await loadNodeOrt());
 */
export function createInference(
  runtime: OrtRuntime,
  hashing: LaterHashing = platformHashing,
): Inference {
  const trunks = createShelf<Trunk>(({ predictor }) => predictor.release());
  const versions = createShelf<LoadedParts>(({ trunkDigest }) => trunks.giveBack(trunkDigest));

  /** The form that answers: the package's, or one that is made now. */
  async function servingOf(modelPackage: ModelPackage): Promise<ServingForm> {
    const { serving } = modelPackage;
    if (serving !== undefined) {
      const fits = checkSizes(modelPackage, { ...serving, batchSize: undefined });
      if (!fits.ok) throw new NotLoadable(fits);
      return serving;
    }
    const { prepareServing } = await laterCode(
      "what makes a model ready to answer",
      () => import("../package/prepareServing.ts"),
    );
    const prepared = prepareServing(modelPackage, {
      graph: await digestLater(hashing, modelPackage.bytes.graph),
      learning: await digestLater(hashing, modelPackage.bytes.learning),
    });
    if (!prepared.ok) throw new NotLoadable(prepared);
    return prepared.value;
  }

  async function loadParts(read: () => Promise<Outcome<ModelPackage>>): Promise<LoadedParts> {
    const modelPackage = await read();
    if (!modelPackage.ok) throw new NotLoadable(modelPackage);
    const { parameters, graph, preprocessing } = modelPackage.value;
    const serving = await servingOf(modelPackage.value);
    const inScope = new Set(serving.parameters.map(({ name }) => name));
    const frozen = parameters.filter(({ name }) => !inScope.has(name));
    const trunkDigest = await digestLater(
      hashing,
      new TextEncoder().encode(
        JSON.stringify({
          graph: await digestLater(hashing, graph),
          frozen: await digestLater(hashing, encodeParameters(frozen)),
          scope: [...inScope],
        }),
      ),
    );
    const trunk = await trunks.take(trunkDigest, async () => {
      const filled = fillServing(serving, frozen);
      if (!filled.ok) throw new NotLoadable(filled);
      return {
        predictor: await createPredictor(runtime, predictedBy(serving, filled.value)),
        tail: Promise.resolve(),
        scratch: new Float32Array(windowLength(preprocessing)),
      };
    });
    return {
      modelPackage: modelPackage.value,
      scope: parameters.filter(({ name }) => inScope.has(name)),
      trunkDigest,
      trunk,
      areFeaturesShared: serving.areFeaturesShared,
    };
  }

  function loadedVersion(version: ModelVersion, parts: LoadedParts): LoadedVersion {
    const { modelPackage, scope, trunkDigest, trunk, areFeaturesShared } = parts;
    const { preprocessing } = modelPackage;
    const length = windowLength(preprocessing);
    let isReleased = false;
    return {
      version,
      modelPackage,
      scope,
      trunk: trunkDigest,
      featureCount: trunk.predictor.compiled.featureCount,
      areFeaturesShared,
      answer(windows, count, parameters, into) {
        const run = async (): Promise<void> => {
          if (trunk.scratch.length < count * length) {
            trunk.scratch = new Float32Array(count * length);
          }
          toModelInput(preprocessing, windows, count, trunk.scratch);
          await trunk.predictor.predict(trunk.scratch, count, parameters ?? scope, into);
        };
        const done = trunk.tail.then(run);
        trunk.tail = done.catch(() => undefined);
        return done;
      },
      async release() {
        if (isReleased) return;
        isReleased = true;
        await trunk.tail;
        await versions.giveBack(version);
      },
    };
  }

  return {
    async load(version, read) {
      try {
        return accept(loadedVersion(version, await versions.take(version, () => loadParts(read))));
      } catch (error) {
        if (error instanceof NotLoadable) return error.refusal;
        if (error instanceof Fault && error.code === "ort.graph_not_loadable") {
          return refuse("model.not_loadable", `${error.message}; release the model again`);
        }
        throw error;
      }
    },
  };
}
