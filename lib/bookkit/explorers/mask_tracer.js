// Mask tracer: a padded batch on its way through a stack of layers, where it loses its mask, and what that does to the answer.
import { button, choice, clamp, commit, count, el, freshId, mount, redrawOn, slider, walkCells } from "../static/kit.js";
import { followMask } from "../static/rules.js";

const KEPT = ["sequence", "pads", "ending", "layers"]; // what start again brings back
const SOURCE = "Embedding";

/** A number without idle zeros; the twin of `brief` in Python. */
function brief(x, digits = 3) {
  const text = String(Number((Math.floor(Math.abs(x) * 10 ** digits + 0.5) / 10 ** digits).toFixed(digits)));
  return x < 0 && text !== "0" ? `−${text}` : text;
}

/** One that fits its cell: four signs where there are many cells. The chosen cell is told with three digits. */
const short = (x, columns) => brief(x, 2 - (Math.abs(x) >= 10) - (x < 0 && columns > 8));
const listed = (values) => `[${values.map((x) => brief(x)).join(", ")}]`;
const same = (a, b) => Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b));
/** JSON of a list of whole numbers as Python prints it. */
const rowText = (row) => `[${row.join(", ")}]`;

/** The batch of ids: every value has an id of its own, 0 is padding. */
function idsOf({ sequences, table }, pads) {
  const n = Math.max(...sequences.map((values) => values.length)) + pads;
  return sequences.map((values) => [...values.map((value) => table.indexOf(value, 1)), ...Array(n - values.length).fill(0)]);
}

/** The stack as Python; the twin of `bookkit.mask_stack.code_of`. */
function pythonOf(names, pads, palette) {
  const { pieces, parts, table, source } = palette;
  const needed = [...new Set(names.flatMap((name) => pieces[name].needs ?? []))];
  return [
    "import keras",
    "import numpy as np",
    "from keras import layers, ops",
    "from keras.initializers import Constant",
    ...needed.filter((part) => !parts[part]).map((part) => `from thrifty.layers import ${part}`),
    "from thrifty.masking import trace",
    ...needed.filter((part) => parts[part]).flatMap((part) => ["", "", parts[part]]),
    "",
    "",
    `table = np.array(${rowText(table)}, "float32")[:, None]`,
    'ids = keras.Input((None,), dtype="int32")',
    `x = ${source}(ids)`,
    ...names.map((name) => `x = ${pieces[name].code}`),
    "model = keras.Model(ids, x)",
    `batch = np.array([\n    ${idsOf(palette, pads).map(rowText).join(",\n    ")},\n])`,
    "print(trace(model, batch))",
    "",
  ].join("\n");
}

/** Everything the figure says, worked out from its state. */
function workOut(s) {
  const { pieces, sequences } = s.palette;
  const names = [...s.layers, s.ending];
  const { steps, ok } = followMask(names, sequences, s.pads);
  // A layer that takes masks may find nothing to do with this one: that is no loss.
  const lost = steps.findIndex((step) => step.verdict === "ignores and drops" && pieces[step.name].why);
  const last = steps.at(-1);
  const answers = sequences.map((values, i) => ({ values, padded: last.values[i], alone: last.alone[i], right: same(last.values[i], last.alone[i]) }));
  return { names, steps, ok, lost: lost < 0 ? null : lost, answers };
}

/** The twin of `MaskTracer._conclusion`. */
function conclusion(s, { steps, ok, lost, answers }) {
  const order = [answers[s.sequence], ...answers];
  const wrong = order.find((answer) => !answer.right);
  const { values, padded, alone } = wrong ?? order[0];
  const found = `for ${listed(values)} it is ${brief(padded)}${wrong ? ` instead of ${brief(alone)}` : ""}`;
  if (lost === null) return `the mask reaches ${s.ending}, and the answer is right: ${found}`;
  const where = `the mask is lost at ${steps[lost].name}`;
  if (ok) return `${where}, harmless here, the answer is right: ${found}`;
  return `${where}, which changes the answer${wrong ? ": " : " with more padding; here "}${found}`;
}

function cellSentence(s, { steps }) {
  const step = steps[s.step];
  const name = `Step ${s.step}, ${step.name}`;
  if (s.step === steps.length - 1) return `${name}: ${step.verdict}; ${brief(step.values[s.sequence])}, alone ${brief(step.alone[s.sequence])}.`;
  const at = s.position - (steps[0].values[0].length - step.values[0].length);
  if (at < 0) return `${name}: position ${s.position} was cut off.`;
  const value = step.values[s.sequence][at];
  const alone = step.alone[s.sequence][at];
  const mask = step.mask ? `mask ${step.mask[s.sequence][at] ? "True" : "False"}` : "no mask";
  const what = alone === undefined ? "padding" : same(value, alone) ? "real" : `real, without padding it would be ${brief(alone)}`;
  return `${name}, position ${s.position}: ${brief(value)}, ${what}, ${mask}.`;
}

/** What a reader reads beside a step: a sign, the verdict, and what it means. */
function verdictText(step, work) {
  const index = work.steps.indexOf(step);
  const spread = step.changes && index < work.steps.length - 1 ? "; real values change" : "";
  if (index === work.lost) return `✗ ${step.verdict}: ${work.ok ? "harmless here" : "changes the answer"}${spread}`;
  return `${step.mask || step.verdict.startsWith("uses") ? "✓" : "–"} ${step.verdict}${spread}`;
}

function render({ model, el: root }) {
  const names = ["layers", "ending", "pads", "sequence", "step", "position", "controls", "palette", "caption"];
  const palette = model.get("palette");
  const { pieces, sequences } = palette;
  const can = (control) => model.get("controls").includes(control);
  const state = () => {
    const s = Object.fromEntries(names.map((name) => [name, model.get(name)]));
    s.step = clamp(s.step, 0, s.layers.length + 1);
    s.position = clamp(s.position, 0, sequences[0].length + s.pads - 1);
    return s;
  };
  const kept = () => Object.fromEntries(KEPT.map((name) => [name, model.get(name)]));
  const start = kept();
  let news = "";
  const edit = (changes, say) => {
    news = say;
    commit(model, changes);
  };

  // The palette: a press adds a layer at the end, the next one takes it out again.
  const standing = (layers, name) => layers.find((other) => other === name || pieces[name].fix === other);
  const toggles = palette.layers.map((name) => {
    const node = button(name, () => {
      const { layers } = state();
      const found = standing(layers, name);
      if (found) edit({ layers: layers.filter((other) => other !== found) }, `${found} removed.`);
      else edit({ layers: [...layers, name], step: layers.length + 1 }, `${name} added.`);
    });
    node.title = pieces[name].does;
    return { name, node };
  });
  const idle = (node, yes) => node.setAttribute("aria-disabled", yes);
  const move = (by) => {
    const { layers, step } = state();
    const order = layers.filter((_, i) => i !== step - 1);
    order.splice(step - 1 + by, 0, layers[step - 1]);
    edit({ layers: order, step: step + by }, `${layers[step - 1]} is step ${step + by} now.`);
  };
  const earlier = button("↑ move up", () => move(-1));
  const later = button("↓ move down", () => move(1));
  const again = button("start again", () => edit(start, "Back to the start."));
  const fix = button("fix it", () => {
    const s = state();
    const { steps, lost } = workOut(s);
    const { name } = steps[lost];
    const better = pieces[name].fix;
    const changes = name === s.ending ? { ending: better } : { layers: s.layers.map((other) => (other === name ? better : other)) };
    edit(changes, `${better} instead of ${name}.`);
  });

  const controls = [
    choice(model, "sequence", "sequence", sequences.map((values, i) => [i, listed(values)])),
    slider(model, "pads", "padding", { min: 0, max: 6 }),
    choice(model, "ending", "ending", palette.endings.map((name) => [name, name])),
  ];
  const shown = controls.filter((control) => can(control.name));
  const label = el("p", { class: "bk-title", id: freshId("palette") }, "Layers: a press adds one at the end or takes it out.");
  const layerButtons = el("div", { class: "bk-buttons", role: "group", "aria-labelledby": label.id }, ...toggles.map(({ node }) => node));
  const moves = [...(can("layers") ? [earlier, later] : []), ...(can("layers") || shown.length ? [again] : [])];
  const stack = el("table", { class: "bk-stack", role: "grid", tabindex: "0" });
  const status = el("p", { class: "bk-status", role: "status", "aria-live": "polite" });
  const verdict = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const why = el("p", {});
  const cure = el("p", {}, "Remedy: ", el("code", {}));
  const answers = el("table", { class: "bk-worked" });
  // No <pre>: the theme takes those out of the Tab order unless they scroll when the page loads.
  const code = el("div", { class: "bk-code", tabindex: "0", role: "region", "aria-label": "The stack as Python" });
  mount(
    root,
    model,
    "Mask tracer",
    shown.length ? el("div", { class: "bk-controls" }, ...shown.map((control) => control.node)) : null,
    can("layers") ? el("div", {}, label, layerButtons) : null,
    el("div", {}, stack),
    moves.length ? el("div", { class: "bk-buttons" }, ...moves) : null,
    status,
    el("div", { class: "bk-diagnosis" }, verdict, why, cure, can("fix") ? el("div", { class: "bk-buttons" }, fix) : null),
    el("div", {}, answers),
    el("div", {}, el("p", { class: "bk-title" }, "This stack in Python"), code),
  );

  const choose = (step, position) => {
    news = "";
    model.set("step", step);
    model.set("position", position);
    model.save_changes();
  };
  walkCells(stack, {
    at: () => [state().step, state().position],
    size: () => [state().layers.length + 2, sequences[0].length + state().pads],
    choose,
    hover: false,
    cellAt(event) {
      const body = event.target.closest?.("tbody");
      if (!body) return null;
      // A title stands for the whole step: the column is told by where it was pressed.
      const box = stack.getBoundingClientRect();
      const columns = sequences[0].length + state().pads;
      return [Number(body.dataset.step), clamp(Math.floor(((event.clientX - box.left) / box.width) * columns), 0, columns - 1)];
    },
  });

  const stackId = freshId("stack");
  const td = (text, attributes = {}) => el("td", attributes, text);
  function stepBody(s, work, step, index) {
    const columns = work.steps[0].values[0].length;
    const chosen = index === s.step;
    const looks = [chosen && "bk-here", index === work.lost && "bk-lost", index === work.lost && work.ok && "bk-harmless", !step.mask && index !== work.lost && index < work.steps.length - 1 && "bk-bare"];
    const does = index ? pieces[step.name].does : "a value for every id; id 0 is padding";
    const line = el("div", { class: "bk-step" }, el("span", {}, el("b", {}, `${index} ${step.name}`), ` ${does}`), el("span", { class: "bk-verdict" }, verdictText(step, work)));
    const title = el("th", { scope: "rowgroup", colspan: columns }, line);
    const body = el("tbody", { class: looks.filter(Boolean).join(" "), "data-step": index });
    body.append(el("tr", {}, title));
    if (index === work.steps.length - 1) {
      const { padded, right } = work.answers[s.sequence];
      body.append(el("tr", {}, td(right ? `${brief(padded)}, as without padding` : `${brief(padded)} ≠ ${brief(step.alone[s.sequence])} without padding`, { colspan: columns, class: right ? "bk-pooled" : "bk-pooled bk-wrong", id: `${stackId}-${index}` })));
      return body;
    }
    const cut = columns - step.values[0].length;
    const [values, masks] = [el("tr", {}), el("tr", { class: "bk-mask-row" })];
    for (let i = 0; i < columns; i++) {
      const at = i - cut;
      const here = chosen && i === s.position;
      const id = here ? `${stackId}-${index}` : null;
      if (at < 0) {
        values.append(td("", { class: here ? "bk-gone bk-chosen" : "bk-gone", id }));
        masks.append(td(""));
        continue;
      }
      const [value, alone] = [step.values[s.sequence][at], step.alone[s.sequence][at]];
      const kinds = [alone === undefined ? "bk-pad" : !same(value, alone) && "bk-wrong", here && "bk-chosen"];
      values.append(td(short(value, columns), { class: kinds.filter(Boolean).join(" "), id }));
      if (step.mask) {
        const real = step.mask[s.sequence][at];
        masks.append(td(real ? "True" : "False", { class: real ? "bk-true" : "bk-false" }));
      }
    }
    if (!step.mask) masks.append(td("no mask", { colspan: columns - cut, class: "bk-none" }));
    if (index === 0) body.append(el("tr", { class: "bk-id-row" }, ...idsOf(palette, s.pads)[s.sequence].map((id) => td(`id ${id}`))));
    body.append(values, masks);
    return body;
  }

  function drawStack(s, work) {
    work.steps.forEach((step, index) => {
      const old = stack.tBodies[index];
      const look = JSON.stringify([step, work.lost === index, work.ok, s.sequence, index === s.step && s.position, work.steps.length]);
      if (old?.look === look) return; // a step through the table changes two of them
      const body = Object.assign(stepBody(s, work, step, index), { look });
      if (old) old.replaceWith(body);
      else stack.append(body);
    });
    while (stack.tBodies.length > work.steps.length) stack.tBodies[work.steps.length].remove();
  }

  function drawAnswers(s, work) {
    const head = ["sequence", "with padding", "alone", "difference"].map((text) => el("th", { scope: "col" }, text));
    const rows = work.answers.map(({ values, padded, alone, right }, i) =>
      el(
        "tr",
        { class: i === s.sequence ? "bk-key-row" : null },
        el("th", { scope: "row" }, listed(values)),
        td(brief(padded)),
        td(brief(alone)),
        td(right ? "= equal" : `≠ ${padded > alone ? "+" : ""}${brief(padded - alone)}`, { class: right ? null : "bk-wrong" }),
      ),
    );
    answers.replaceChildren(el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  }

  function drawDiagnosis(s, work, told) {
    const piece = work.lost === null ? null : pieces[work.steps[work.lost].name];
    const sentence = `${told[0].toUpperCase()}${told.slice(1)}.`;
    if (verdict.textContent !== sentence) verdict.textContent = sentence; // said once, not with every step through the table
    // Every second part stands between backticks.
    const because = piece?.why.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
    why.replaceChildren(...(piece ? ["Why: ", ...because, "."] : ["Every layer before the ending passes the mask on."]));
    cure.hidden = !piece?.fix;
    cure.querySelector("code").textContent = piece?.fix ? `x = ${pieces[piece.fix].code}` : "";
    idle(fix, !piece?.fix);
  }

  function draw() {
    const s = state();
    const work = workOut(s);
    for (const control of controls) control.update();
    for (const { name, node } of toggles) node.setAttribute("aria-pressed", Boolean(standing(s.layers, name)));
    idle(earlier, s.step < 2 || s.step > s.layers.length);
    idle(later, s.step < 1 || s.step >= s.layers.length);
    idle(again, KEPT.every((name) => JSON.stringify(s[name]) === JSON.stringify(start[name])));
    stack.classList.toggle("bk-crowded", work.steps[0].values[0].length > 8);
    drawStack(s, work);
    stack.setAttribute("aria-activedescendant", `${stackId}-${s.step}`);
    stack.setAttribute("aria-label", `${listed(sequences[s.sequence])} with ${count(s.pads, "pad")}, step by step: values, and under them the mask. Arrow keys move from step to step and from position to position.`);
    drawDiagnosis(s, work, conclusion(s, work));
    drawAnswers(s, work);
    const python = pythonOf(work.names, s.pads, palette);
    if (code.textContent !== python) code.textContent = python;
    status.textContent = news || cellSentence(s, work);
  }
  return redrawOn(model, names, draw);
}

export default { render };
