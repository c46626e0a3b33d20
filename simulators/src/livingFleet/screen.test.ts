// The screen aligns, wraps and limits; it paints only where it may.
import { expect, it } from "vitest";
import { createInk, wantsColour } from "./ink.ts";
import { createScreen, formatStoryTime, LINES_OF_A_KIND_MAX, type Screen } from "./screen.ts";

function makeScreen(change: { isTty?: boolean; columns?: number; storyMs?: number | null } = {}): {
  screen: Screen;
  written: () => string;
} {
  let text = "";
  const { isTty = false, columns = 100, storyMs = 2_460_000 } = change;
  const screen = createScreen({
    write: (more) => {
      text += more;
    },
    ink: createInk(false),
    isTty,
    columns,
    storyMs: () => storyMs,
  });
  return { screen, written: () => text };
}

const line = (text: string, kind: string | null = null) =>
  ({ who: "watch-07", text, tone: "plain", kind }) as const;

it("[LF4] a line has virtual time, who and what, aligned", () => {
  const { screen, written } = makeScreen();
  screen.line(line("alarm"));
  screen.line({ ...line("window closed"), who: "hub" });
  expect(written()).toBe("00:41  watch-07   alarm\n00:41  hub        window closed\n");
});

it("[LF4] before the story there is no time", () => {
  const { screen, written } = makeScreen({ storyMs: null });
  screen.line(line("alarm"));
  expect(written()).toBe("       watch-07   alarm\n");
});

it("[LF4] of one kind only the first few are shown, of no kind all", () => {
  const { screen, written } = makeScreen();
  for (let count = 0; count < LINES_OF_A_KIND_MAX + 3; count += 1) {
    screen.line(line("alarm", "alarm"));
    screen.line(line("other"));
  }
  expect(written().match(/alarm/g)?.length).toBe(LINES_OF_A_KIND_MAX);
  expect(written().match(/other/g)?.length).toBe(LINES_OF_A_KIND_MAX + 3);
});

it("[LF4] on a terminal a long text goes on in its own column", () => {
  const { screen, written } = makeScreen({ isTty: true, columns: 60 });
  screen.line(line("one two three four five six seven eight nine ten eleven"));
  expect(written()).toBe(
    "00:41  watch-07   one two three four five six seven eight\n                  nine ten eleven\n",
  );
});

it("[LF4] progress is written over on a terminal, and told in halves elsewhere", () => {
  const terminal = makeScreen({ isTty: true });
  terminal.screen.progress("training", 0.5);
  terminal.screen.text("done");
  expect(terminal.written().startsWith("\r\u001b[2K")).toBe(true);
  expect(terminal.written().endsWith("training\r\u001b[2Kdone\n")).toBe(true);
  const file = makeScreen();
  for (let percent = 1; percent <= 100; percent += 1)
    file.screen.progress("training", percent / 100);
  expect(file.written().split("\n").length - 1).toBe(3);
});

it("[LF4] tells virtual time in hours and minutes", () => {
  expect(formatStoryTime(0)).toBe("00:00");
  expect(formatStoryTime(6_000_000)).toBe("01:40");
});

it.each([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { TERM: "dumb" }, false],
])("[LF4] a terminal %s with %j is painted: %s", (isTty, environment, wanted) => {
  expect(wantsColour(isTty, environment)).toBe(wanted);
});

it("[LF4] paints by tone", () => {
  expect(createInk(true).tone("bad", "no")).toBe("\u001b[31mno\u001b[39m");
  expect(createInk(true).tone("plain", "so")).toBe("so");
});
