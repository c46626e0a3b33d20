// The engine's own reports to its makers, switched off. It must not load the engine.

/**
 * Tells ONNX Runtime to report nothing: its builds for Node write an identifier of the machine to the user's cache, keep a database of events
 * there, log to the temporary folder, and upload, unless they find `ORT_DISABLE_TELEMETRY` when the first model is loaded. Whoever has set it
 * otherwise is left alone.
 *
 * - To be called in the process's main thread: a worker has a copy of the environment that native code does not see. Elsewhere, and in
 *   browsers, where the engine reports nothing, it does nothing.
 *
 * @example
 * turnOffEngineTelemetry();
 * process.env["ORT_DISABLE_TELEMETRY"]; // => "1"
 */
export function turnOffEngineTelemetry(): void {
  const { process } = globalThis as {
    readonly process?: { readonly env?: Record<string, string | undefined> };
  };
  if (process?.env !== undefined) process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
}
