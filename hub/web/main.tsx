// The page's first step: joins the browser, the hub and the page. Decides nothing itself.
import { render } from "preact";
import "./style.css";
import { effect } from "@preact/signals";
import { auditSentence } from "../src/cli/auditSentence.ts";
import { App } from "./app.tsx";
import { createLiveHub } from "./live/liveHub.ts";
import { tokenInHash } from "./live/route.ts";
import { createPageModel, isHeadline } from "./pageModel.ts";

const hub = createLiveHub({
  // Relative, so that the page also works behind a proxy's path.
  fetch: (path, init) => fetch(`.${path}`, init),
  nowMs: Date.now,
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1));
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
  jitter: Math.random,
});

const start = async (): Promise<void> => {
  const token = tokenInHash(location.hash);
  if (token !== null) {
    // Out of the address bar and the history before anything else: an address is easily shown to others.
    history.replaceState(null, "", location.pathname + location.search);
    // A wrong token leads to the form that asks for one.
    await hub.unlock(token).catch(() => {});
  }
  const model = createPageModel(hub, {
    hash: () => location.hash,
    onHash: (listener) => addEventListener("hashchange", listener),
    clearHash: () => history.pushState(null, "", location.pathname + location.search),
    nowMs: Date.now,
    every: (ms, listener) => setInterval(listener, ms),
  });
  let announced = Number.POSITIVE_INFINITY;
  effect(() => {
    const newest = hub.audit.value.find(isHeadline);
    // What had happened before the page was opened is not news.
    if (newest !== undefined && newest.sequence > announced) model.announce(auditSentence(newest));
    const latest = hub.audit.value[0]?.sequence;
    if (latest !== undefined) announced = latest;
  });
  addEventListener("online", () => hub.hurry());
  const place = document.getElementById("app");
  if (place !== null) render(<App model={model} />, place);
  await hub.run(new AbortController().signal);
};

void start();
