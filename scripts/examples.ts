// Finds the examples in documents and docstrings and turns each into a module that checks itself.
// It runs nothing.
//
// A line `expression; // => value` promises that the expression equals the value, deeply. The value is
// any expression, and may go on in the comment lines below. `// => ≈ 0.69` promises the printed digits,
// `// => throws delta.too_large` that the text is in the error's code or message.

import { dirname, resolve } from "node:path";
import { parseSync } from "vite";

/** One example as it stands in a file. */
export interface Example {
  /** `README.md:45`, the first line of its code. */
  readonly place: string;
  readonly code: string;
  /** The source file that it documents. */
  readonly subject?: string;
}

type Node = { readonly type: string; readonly start: number; readonly end: number } & Record<
  string,
  unknown
>;

/** The `ts` fences of a Markdown file that promise something with `// =>`. */
export function examplesOfMarkdown(file: string, text: string): Example[] {
  return [...text.matchAll(/^```ts\b[^\n]*\n(.*?)^```/gms)]
    .map((match) => ({
      place: `${file}:${lineAt(text, match.index) + 1}`,
      code: match[1] ?? "",
    }))
    .filter(({ code }) => code.includes("// =>"));
}

/** The `@example`s in the docstrings of a source file's exported functions, classes and constants. */
export function examplesOfSource(file: string, text: string): Example[] {
  const { program, comments } = parseSync(file, text);
  return comments.flatMap((comment) => {
    if (comment.type !== "Block" || !comment.value.startsWith("*")) return [];
    const documented = (program.body as unknown as Node[]).find((node) => node.start > comment.end);
    const isNext = documented !== undefined && isBlank(text.slice(comment.end, documented.start));
    if (!isNext || !isExportedValue(documented)) return [];
    return examplesOfDocstring(comment.value).map(({ code, line }) => ({
      place: `${file}:${lineAt(text, comment.start) + line}`,
      code,
      subject: file,
    }));
  });
}

function isExportedValue(node: Node): boolean {
  const declaration = node["declaration"] as Node | null | undefined;
  const kinds = ["FunctionDeclaration", "VariableDeclaration", "ClassDeclaration"];
  return node.type === "ExportNamedDeclaration" && kinds.includes(declaration?.type ?? "");
}

function examplesOfDocstring(docstring: string): { code: string; line: number }[] {
  const lines = docstring.split("\n").map((line) => line.replace(/^\s*\* ?/, ""));
  const examples: { code: string; line: number }[] = [];
  lines.forEach((line, index) => {
    if (!line.startsWith("@example")) return;
    const after = lines.slice(index + 1);
    const end = after.findIndex((each) => /^@\w/.test(each));
    const body = (end === -1 ? after : after.slice(0, end)).map((each) =>
      each.startsWith("```") ? "" : each,
    );
    examples.push({ code: body.join("\n"), line: index + 1 });
  });
  return examples;
}

/**
 * A module whose `run(check)` executes the example and reports each promise.
 *
 * @param scope Names that the example may use without importing them, and the module of each.
 * @throws When the example does not parse, or a `// =>` follows no expression.
 */
export function toModule(
  example: Example,
  scope: ReadonlyMap<string, string>,
  root: string,
): string {
  const { code, place } = example;
  const { program, comments, errors } = parseSync("example.ts", code);
  if (errors[0] !== undefined) throw new Error(`${place} does not parse: ${errors[0].message}`);
  const statements = program.body as unknown as Node[];
  const edits: { start: number; end: number; text: string }[] = [];
  const imports: string[] = [];
  const importedNames = new Set<string>();
  const folder = resolve(root, dirname(example.subject ?? place));

  for (const statement of statements) {
    if (statement.type === "ImportDeclaration") {
      imports.push(absoluteImport(code.slice(statement.start, statement.end), folder));
      for (const { local } of statement["specifiers"] as { local: { name: string } }[]) {
        importedNames.add(local.name);
      }
      edits.push({ start: statement.start, end: statement.end, text: "" });
    } else if (statement.type === "ExportNamedDeclaration") {
      edits.push({ start: statement.start, end: statement.start + "export".length, text: "" });
    }
  }
  comments.forEach((comment, index) => {
    if (comment.type !== "Line" || !comment.value.trimStart().startsWith("=>")) return;
    const statement = statements.findLast((each) => each.end <= comment.start);
    if (statement === undefined || !isBlank(code.slice(statement.end, comment.start))) {
      throw new Error(`${place}: "//${comment.value}" follows no statement of the example itself`);
    }
    const promise = readPromise(comments.slice(index).map(({ value }) => value));
    edits.push(checkOf(statement, promise, code, place));
  });

  let body = code;
  for (const { start, end, text } of edits.toSorted((a, b) => b.start - a.start)) {
    body = body.slice(0, start) + text + body.slice(end);
  }
  for (const [name, module] of scope) {
    if (importedNames.has(name) || !new RegExp(`\\b${name.replaceAll("$", "\\$")}\\b`).test(code))
      continue;
    imports.push(`import { ${name} } from ${JSON.stringify(module)};`);
  }
  return `${imports.join("\n")}\nexport async function run(check: any): Promise<void> {\n${body}\n}\n`;
}

type Promised =
  | { readonly kind: "equals"; readonly value: string }
  | { readonly kind: "near"; readonly digits: string }
  | { readonly kind: "throws"; readonly text: string };

/** Reads `=> value` from a comment; while the value is not whole, the comments below belong to it. */
function readPromise(comments: readonly string[]): Promised {
  const first = (comments[0] ?? "").trimStart().slice("=>".length).trim();
  if (first.startsWith("throws ")) return { kind: "throws", text: first.slice(7).trim() };
  if (first.startsWith("≈")) return { kind: "near", digits: first.slice(1).trim() };
  for (let count = 1; count <= comments.length; count++) {
    const value = [first, ...comments.slice(1, count)].join("\n");
    if (parseSync("value.ts", `(${value}\n)`).errors.length === 0) return { kind: "equals", value };
  }
  throw new Error(`"// => ${first}" is not an expression`);
}

function checkOf(
  statement: Node,
  promise: Promised,
  code: string,
  place: string,
): { start: number; end: number; text: string } {
  const { start, end } = statement;
  const expression = statement["expression"] as Node | undefined;
  if (statement.type === "ExpressionStatement" && expression !== undefined) {
    const text = code.slice(expression.start, expression.end);
    return { start, end, text: `await check.${call(promise, `async () => (${text})`)};` };
  }
  const [declarator] = (statement["declarations"] ?? []) as { id: Node }[];
  if (statement.type === "VariableDeclaration" && declarator?.id.type === "Identifier") {
    const name = String(declarator.id["name"]);
    return { start: end, end, text: ` await check.${call(promise, `async () => ${name}`)};` };
  }
  throw new Error(`${place}: "// =>" must follow an expression or a const, not ${statement.type}`);
}

function call(promise: Promised, actual: string): string {
  switch (promise.kind) {
    case "equals":
      return `equals(${actual}, () => (${promise.value}\n))`;
    case "near":
      return `near(${actual}, ${JSON.stringify(promise.digits)})`;
    case "throws":
      return `throws(${actual}, ${JSON.stringify(promise.text)})`;
  }
}

function absoluteImport(statement: string, folder: string): string {
  return statement.replace(/(["'])(\.[^"']*)\1/, (_, quote: string, path: string) =>
    [quote, resolve(folder, path), quote].join(""),
  );
}

/** Half a unit of the last digit printed. */
export function toleranceOf(digits: string): number {
  const [mantissa = "", exponent = "0"] = digits.toLowerCase().split("e");
  const decimals = mantissa.split(".")[1]?.length ?? 0;
  return 0.5 * 10 ** (Number(exponent) - decimals);
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
