/** Whether the server answers: a line across the page while it does not, and word when it does. */

const PAUSE = 2000;
let waiting = false;

/** Say that a request found nobody, and look until somebody is there again. */
export async function lost() {
  if (waiting) return;
  waiting = true;
  const line = /** @type {HTMLElement} */ (document.getElementById("offline"));
  line.hidden = false;
  line.textContent = "The server does not answer. Is it still running? This page keeps looking.";
  while (!(await alive())) await new Promise((done) => setTimeout(done, PAUSE));
  waiting = false;
  line.hidden = true;
  line.textContent = "";
  window.dispatchEvent(new Event("unmask:back"));
}

async function alive() {
  return fetch("healthz", { cache: "no-store" }).then(
    (answer) => answer.ok,
    () => false,
  );
}
