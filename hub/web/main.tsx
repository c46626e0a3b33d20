// The page's first step: mounts it. Decides and fetches nothing itself.

import { render } from "preact";

const place = document.getElementById("app");
if (place !== null) render(<h1>Attune</h1>, place);
