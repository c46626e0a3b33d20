// The table of operators says what the compiler does, and the page says what the table does.
import { describe, expect, it } from "vitest";
import { gradientRules } from "../gradients/gradientRules.ts";
import { frozenOperators } from "../graph/frozenOperators.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { operatorNotes } from "./operatorNotes.ts";
import { supportedOperators } from "./supportedOperators.ts";

const words = { yes: "yes", zero: "zero", none: "none needed", refused: "refused" } as const;

/** The page, as it stands in `docs/operators.md`. */
function page(): string {
  const rows = supportedOperators().map(
    ({ name, gradient, note }) => `| ${name} | ${words[gradient]} | ${note} |`,
  );
  return `# Operators that models may contain

Operator sets 8 to 21 are read; what an older set writes in another form is brought to that of set 20, in which all graphs are written. The
column says what happens where an operator stands between what is trained and the loss; in front of what is trained (a frozen part)
every operator of this table may stand.

- **yes**: its gradient goes back, checked against finite differences.
- **zero**: it is flat between its steps, so nothing goes back through it.
- **none needed**: it gives integers, truth values or shapes.
- **refused**: training through it is refused; the refusal names the node and the scopes that avoid it.

Sub-graphs that run a number of times (\`Loop\`, \`Scan\`) and all that is named nowhere on this page are refused by name. Integer and float16 weights
are made trainable by \`exposeParameters\`. Values between float32 ones must be float32.

| operator | gradient | notes |
| --- | --- | --- |
${rows.join("\n")}

## Operators that only run

The engine has these and the compiler has no rule for them: ${[...frozenOperators.keys()].join(", ")}, and every operator of
another domain that a file imports, such as \`com.microsoft\`. They may stand in a frozen part, in front of what is trained, where the file declares the type
and shape of their outputs. Exporters that infer shapes do; else \`declareShapes(runtime, model)\` learns them by running the model and writes them into the file. Every training
checks them while it runs. Behind what is trained they are refused with the scopes that avoid them, and so is scope \`all\` where one holds a tensor of floats, which it
would pass over.
`;
}

describe("the table", () => {
  it("[TC44] names every operator once, and notes only those", () => {
    const names = supportedOperators().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of shapeRules.keys()) expect(names).toContain(name);
    for (const name of operatorNotes.keys()) expect(names).toContain(name);
    for (const name of frozenOperators.keys()) expect(names).not.toContain(name);
  });

  it("[TC44] every rule is of an operator that is read, and says so", () => {
    const found = new Map(supportedOperators().map(({ name, gradient }) => [name, gradient]));
    for (const name of gradientRules.keys()) {
      expect(["yes", "zero"], name).toContain(found.get(name));
    }
    expect(found.get("TopK")).toBe("refused");
    expect(found.get("Floor")).toBe("zero");
    expect(found.get("Shape")).toBe("none");
  });

  it("[TC44] the page is the table (written anew by vitest -u)", async () => {
    await expect(page()).toMatchFileSnapshot("../../../../docs/operators.md");
  });
});
