// `attune model` and `attune validation`: what an operator brings to the hub as a file.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { VersionSummary } from "../../state.ts";
import { CommandError, exitCodes } from "../exitCodes.ts";
import type { Invocation } from "../invocation.ts";
import type { Attach } from "../program.ts";
import { theLine } from "../theLine.ts";
import { addModelBuildCommand } from "./modelBuild.ts";

export function addModelCommands(program: Command, attach: Attach): void {
  const model = program.command("model").description("make models and bring them to the hub");
  attach<ModelOptions>(
    model
      .command("add <package>")
      .description("bring a model package; the first of a line starts it")
      .requiredOption("--line <name>", "the model line that it belongs to")
      .option("--note <text>", "what it is; kept in its release record", "")
      .option("--security-epoch <number>", "no device goes back below it, once it has baked", "0"),
    addModel,
  );
  addModelBuildCommand(model, attach);
  const validation = program
    .command("validation")
    .description("bring labelled data that gates judge candidates on");
  attach<{ readonly line?: string }>(
    validation
      .command("add <file>")
      .description("bring a validation set (made with encodeValidationSet of @attune/hub)")
      .option("--line <name>", "the model line that it is for"),
    addValidation,
  );
}

interface ModelOptions {
  readonly line: string;
  readonly note: string;
  readonly securityEpoch: string;
}

async function addModel({
  options,
  hub,
  printOne,
  note,
  arguments: [file = ""],
}: Invocation<ModelOptions>): Promise<undefined> {
  const query = new URLSearchParams({
    line: options.line,
    note: options.note,
    securityEpoch: options.securityEpoch,
  });
  const added = await hub().upload<VersionSummary>("POST", `/api/models?${query}`, readFile(file));
  printOne(added, [
    ["version", added.short],
    ["generation", `${added.generation}`],
    ["status", added.status],
  ]);
  note("follow it with: attune rollout watch");
}

async function addValidation({
  options,
  hub,
  printOne,
  arguments: [file = ""],
}: Invocation<{ readonly line?: string }>): Promise<undefined> {
  const bytes = readFile(file);
  const client = hub();
  const { line } = await theLine(client, options.line);
  const set = await client.upload<NonNullable<(typeof line)["validationSet"]>>(
    "PUT",
    `/api/lines/${encodeURIComponent(line.line)}/validation-set`,
    bytes,
  );
  printOne(set, [
    ["line", line.line],
    ["samples", `${set.samples} of ${set.persons} persons in ${set.classes} classes`],
    ["digest", set.digest],
  ]);
}

function readFile(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    throw new CommandError(
      exitCodes.usage,
      "file.not_readable",
      `${file} cannot be read (${error instanceof Error ? error.message : String(error)})`,
      "give the path of the file that holds it",
    );
  }
}
