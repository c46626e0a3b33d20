import { describe, expect, it } from "vitest";
import { createInvocation, type Invocation } from "./invocation.ts";
import type { Terminal } from "./terminal.ts";

interface Screen {
  readonly out: string[];
  readonly err: string[];
  readonly asked: string[];
}

const invocationOn = (
  change: Partial<Terminal>,
  answer = "",
): { invocation: Invocation; screen: Screen } => {
  const screen: Screen = { out: [], err: [], asked: [] };
  const terminal: Terminal = {
    out: (text) => screen.out.push(text),
    err: (text) => screen.err.push(text),
    ask: async (question) => {
      screen.asked.push(question);
      return answer;
    },
    isInteractive: true,
    isOutTty: false,
    isErrTty: false,
    columns: 20,
    environment: {},
    ...change,
  };
  const options = { output: "table", data: "/nowhere" } as const;
  return { invocation: createInvocation(terminal, options, [], () => 0), screen };
};

describe("confirm", () => {
  it.each(["y", "Y", "yes", " yes "])("takes %j for a yes", async (answer) => {
    const { invocation, screen } = invocationOn({}, answer);
    await invocation.confirm("Do it?", false);
    expect(screen.asked).toEqual(["Do it? [y/N] "]);
  });

  it.each(["", "n", "no", "yep", "yes!", "j"])("takes %j for a no", async (answer) => {
    const { invocation } = invocationOn({}, answer);
    await expect(invocation.confirm("Do it?", false)).rejects.toMatchObject({ exitCode: 6 });
  });

  it("does not ask who has agreed already, nor where nobody is", async () => {
    const agreed = invocationOn({}, "n");
    await agreed.invocation.confirm("Do it?", true);
    const alone = invocationOn({ isInteractive: false }, "y");
    await expect(alone.invocation.confirm("Do it?", false)).rejects.toMatchObject({
      exitCode: 6,
      hint: expect.stringContaining("--yes"),
    });
    expect([agreed.screen.asked, alone.screen.asked]).toEqual([[], []]);
  });
});

describe("what is printed", () => {
  const columns = [{ header: "ID", value: ({ id }: { id: string }) => id }];

  it("goes to stdout as data and to stderr as words", () => {
    const { invocation, screen } = invocationOn({});
    invocation.printRows([{ id: "a" }], columns, "none");
    invocation.printRows([], columns, "none: make one");
    invocation.note("by the way");
    expect(screen).toMatchObject({
      out: ["ID\na\n", ""],
      err: ["none: make one\n", "by the way\n"],
    });
  });

  it("is cut to the terminal only where one shows it", () => {
    const long = { id: "x".repeat(50) };
    const shown = invocationOn({ isOutTty: true });
    shown.invocation.printRows([long], columns, "");
    expect(shown.screen.out[0]?.split("\n")[1]).toHaveLength(20);
    const piped = invocationOn({});
    piped.invocation.printRows([long], columns, "");
    expect(piped.screen.out[0]).toContain(long.id);
  });

  it("has colour on a terminal, unless NO_COLOR is set to something", () => {
    const paint = (change: Partial<Terminal>): string =>
      invocationOn(change).invocation.ink.red("x");
    expect(paint({ isErrTty: true })).toBe("\u001b[31mx\u001b[39m");
    expect(paint({ isErrTty: true, environment: { NO_COLOR: "1" } })).toBe("x");
    expect(paint({ isErrTty: true, environment: { NO_COLOR: "" } })).not.toBe("x");
    expect(paint({ isErrTty: true, environment: { TERM: "dumb" } })).toBe("x");
    expect(paint({})).toBe("x");
  });
});
