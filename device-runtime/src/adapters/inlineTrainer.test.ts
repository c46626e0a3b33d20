import { beforeAll } from "vitest";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { createInlineTrainer } from "./inlineTrainer.ts";
import { trainerContract } from "./trainer.contract.ts";

let runtime: OrtRuntime;
beforeAll(async () => {
  runtime = await loadNodeOrt();
});
trainerContract("inline", () => createInlineTrainer(runtime));
