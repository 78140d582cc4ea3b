/** Start: the token first, then the page that the address names. */

import { collect } from "./base/token.js";
import { home } from "./home/home.js";
import { past } from "./home/history.js";
import { analysisView } from "./report/analysis.js";
import { route } from "./router.js";

collect();
// A link with a token may also be opened in a tab that is here already.
window.addEventListener("hashchange", collect);
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main")?.focus();
});
route([
  [/^\/analyses\/([\w-]+)$/, analysisView],
  [/^\/history$/, past],
  [/^\/$/, home],
]);
