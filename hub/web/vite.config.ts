// Builds the hub's page into web/dist, which the hub serves at "/". Everything is bundled: it works offline.

import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that the page also works behind a proxy's path.
  base: "./",
  build: { outDir: "dist", emptyOutDir: true, target: "es2022", modulePreload: false },
});
