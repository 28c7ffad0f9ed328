// The kernel-free host: every stored figure on the page gets a model of its own and draws itself.
class LocalModel {
  #state;
  #listeners = new Map();
  constructor(state) {
    this.#state = { ...state };
  }
  get(name) {
    return this.#state[name];
  }
  set(name, value) {
    if (this.#state[name] === value) return;
    this.#state[name] = value;
    for (const event of [`change:${name}`, "change"]) for (const fn of this.#listeners.get(event) ?? []) fn();
  }
  save_changes() {}
  on(event, fn) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(fn);
  }
  off(event, fn) {
    if (fn) this.#listeners.get(event)?.delete(fn);
    else this.#listeners.delete(event);
  }
}

async function enliven(host) {
  const picture = [...host.childNodes];
  try {
    const model = new LocalModel(JSON.parse(host.dataset.state));
    const root = document.createElement("div");
    await window.bookkit.figures[host.dataset.figure].render({ model, el: root });
    host.replaceChildren(root);
    host.model = model;
    host.dataset.ready = "true";
  } catch (error) {
    // The stored picture stays: a reader loses the controls, not the figure.
    console.error(`bookkit: ${host.dataset.figure} did not start:`, error);
    host.replaceChildren(...picture);
  }
}

for (const host of document.querySelectorAll(".bk-live:not([data-ready])")) enliven(host);
