// The engine that runs ONNX graphs, as a port: ONNX Runtime in Node or in a browser. One adapter serves both, because their JavaScript
// interfaces are the same; the module itself is handed in, so that nothing here is tied to a platform.

/** Elements of a tensor as the engine takes and gives them. */
export type OrtData = Float32Array | BigInt64Array | Int32Array | Uint8Array;

/** A tensor on its way in or out. `data` goes in unchanged and must not be written to while a run is under way. */
export interface OrtTensor {
  readonly type: "float32" | "int64" | "int32" | "bool";
  readonly dims: readonly number[];
  readonly data: OrtData;
}

/** A loaded graph. Runs may overlap: the engine takes them one after the other. */
export interface OrtGraph {
  /**
   * Runs the graph once. It blocks its thread while it computes, also where the promise says otherwise.
   *
   * @param inputs by name; read only, and never given back as outputs
   * @param outputs names of the outputs wanted
   * @returns fresh tensors, owned by the caller
   * @throws Fault `ort.run_failed`
   */
  run(
    inputs: Readonly<Record<string, OrtTensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OrtTensor>>>;
  /** Frees the graph; no run may follow. */
  release(): Promise<void>;
}

/** An engine. */
export interface OrtRuntime {
  /**
   * Loads a graph, on one thread.
   *
   * @throws Fault `ort.graph_not_loadable`
   */
  load(graph: Uint8Array): Promise<OrtGraph>;
}

/** What this project uses of `onnxruntime-node` and `onnxruntime-web`. */
export interface OrtModule {
  /** Settings of the whole engine: in WebAssembly its threads, which no session can choose. */
  readonly env?: { readonly wasm?: { numThreads?: number } };
  readonly InferenceSession: {
    create(
      graph: Uint8Array,
      options: {
        readonly executionProviders: readonly string[];
        readonly intraOpNumThreads: number;
        readonly interOpNumThreads: number;
        readonly enableMemPattern: boolean;
        readonly logSeverityLevel: 3;
      },
    ): Promise<OrtModuleSession>;
  };
  readonly Tensor: new (
    type: OrtTensor["type"],
    data: OrtData,
    dims: readonly number[],
  ) => OrtModuleTensor;
}

/** A tensor of the engine's module. */
export interface OrtModuleTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}

/** A session of the engine's module. */
export interface OrtModuleSession {
  run(
    inputs: Readonly<Record<string, OrtModuleTensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OrtModuleTensor>>>;
  release(): Promise<void>;
}
