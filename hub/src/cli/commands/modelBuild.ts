// `attune model build`: a model package from an ONNX file and files of windows. It needs no hub.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { buildPackage, inseparableFrom, versionOf } from "@attune/device-runtime/model";
import { encodeProfile } from "@attune/device-runtime/monitor";
import { nodeCryptography } from "@attune/protocol/node";
import type { Command } from "commander";
import { loadOrt } from "../../adapters/ort/loadOrt.ts";
import { CommandError, exitCodes } from "../exitCodes.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";

interface BuildOptions {
  readonly model: string;
  readonly fit: string;
  readonly check: string;
  readonly out: string;
}

const afterHelp = `
The recipe is JSON: "line", "preprocessing" (labels, channels, windowSamples, hopSamples, sampleRateHz, layout), and where they differ from the
defaults "learning" (such as dataRules and businessRules) and "ood" (method, input, alpha, coverage).

Windows are lines of comma-separated values behind one line of names: label, person, then the numbers of the window in raw units.
--fit holds windows that the model was trained on, --check windows of other people in time order.
`;

export function addModelBuildCommand(model: Command, attach: Attach): void {
  attach<BuildOptions>(
    model
      .command("build <recipe>")
      .description("make a model package, and measure what is normal for it")
      .requiredOption("--model <file>", "the ONNX model")
      .requiredOption("--fit <file>", "windows that the model was trained on")
      .requiredOption("--check <file>", "windows of other people")
      .requiredOption("--out <file>", "where the package goes")
      .addHelpText("after", afterHelp),
    buildModel,
  );
}

async function buildModel({
  options,
  printOne,
  note,
  arguments: [recipeFile = ""],
}: Invocation<BuildOptions>): Promise<undefined> {
  const text = (file: string): string => read(file).toString("utf8");
  const built = await buildPackage(
    {
      recipe: parseJson(recipeFile, text(recipeFile)),
      model: new Uint8Array(read(options.model)),
      fit: text(options.fit),
      check: text(options.check),
    },
    await loadOrt(),
    nodeCryptography,
  );
  if (!built.ok) {
    const { code, message } = built.refusal;
    throw new CommandError(exitCodes.usage, code, message, "correct it, and build again");
  }
  const { modelPackage, bytes } = built.value;
  const out = resolve(options.out);
  try {
    writeFileSync(out, bytes);
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_writable",
      `${out} cannot be written (${error instanceof Error ? error.message : String(error)})`,
      `look whether ${dirname(out)} is there and yours`,
    );
  }
  const { calibration, preprocessing } = modelPackage;
  const { reference, ood, abstention, profile } = calibration;
  const profiled =
    profile === undefined
      ? null
      : {
          features: profile.features.length,
          windows: profile.windowCount,
          bytes: encodeProfile(profile).length,
        };
  const inseparable = preprocessing.labels.flatMap((label, index) =>
    inseparableFrom(ood.leaveOneOut, index).map(
      (other) => `${label} from ${preprocessing.labels[other] ?? ""}`,
    ),
  );
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const version = versionOf(modelPackage, nodeCryptography);
  printOne(
    {
      version,
      file: out,
      bytes: bytes.length,
      reference,
      abstention,
      inseparable,
      profile: profiled,
    },
    [
      ["file", `${out} (${bytes.length} bytes)`],
      ["version", version.slice(0, 8)],
      ["errors on other people", `${percent(reference.errorRate)} of ${reference.count} windows`],
      ["outliers by", `${ood.profile.kind}, at ${percent(ood.alpha)}`],
      [
        "answered",
        `${percent(abstention.coverage)}, of these ${percent(abstention.errorRate)} wrong`,
      ],
      [
        "profile of people",
        profiled === null
          ? "none: too many features"
          : `${profiled.features} features of ${profiled.windows} windows (${profiled.bytes} bytes)`,
      ],
      ["inseparable if unknown", inseparable.length === 0 ? "none" : inseparable.join(", ")],
    ],
  );
  if (ood.leaveOneOut.isOptimistic) {
    note("the features have seen every class: classes that look separable here may not be");
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_json",
      `${file} is no JSON (${error instanceof Error ? error.message : String(error)})`,
      "write the recipe as one JSON object",
    );
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_readable",
      `${file} cannot be read (${error instanceof Error ? error.message : String(error)})`,
      "give the path of the file that holds it",
    );
  }
}
