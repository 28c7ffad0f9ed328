// Word map: how groups of words fall apart and merge as the network is made in other ways.
import { clamp, commit, count, decimals, el, freshId, mount, redrawOn, show, slider, walkCells } from "../static/kit.js";

const ALONE = -1; // the module of a word that no other word is with
const GROUPS = 8; // that are listed
const [IN_GROUP, IN_PART] = [14, 30]; // words of a line

const number = (x) => decimals(x, 2);
/** So many of a list, from all along it. */
const some = (list, most) => (list.length <= most ? list : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]));

/** The places of the words, by their module; those alone are left out. */
function groupsOf(modules, places = modules.keys()) {
  const groups = new Map();
  for (const i of places) {
    if (modules[i] === ALONE) continue;
    if (!groups.has(modules[i])) groups.set(modules[i], []);
    groups.get(modules[i]).push(i);
  }
  return groups;
}

/** Which category is the most frequent one; the twin of `WordMap._mostly`. */
function mostly({ kinds, categories }, places) {
  const counts = new Map();
  let labelled = 0;
  for (const i of places) {
    if (kinds[i] < 0) continue;
    labelled += 1;
    counts.set(kinds[i], (counts.get(kinds[i]) ?? 0) + 1);
  }
  if (!labelled) return "none labelled";
  const [kind, most] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0];
  return `${categories[kind]}: ${most} of ${labelled} labelled`;
}

/** What became of the group of a word: those with it still, those in other groups, those alone, those new with it. */
function follow(own, before, now) {
  const was = before[own] === ALONE ? [own] : groupsOf(before).get(before[own]);
  const group = now[own] === ALONE ? [own] : groupsOf(now).get(now[own]);
  const [inside, old] = [new Set(group), new Set(was)];
  const away = was.filter((i) => !inside.has(i));
  return {
    was,
    group,
    stayed: was.filter((i) => inside.has(i)),
    others: [...groupsOf(now, away).values()].sort((a, b) => b.length - a.length),
    alone: away.filter((i) => now[i] === ALONE),
    fresh: group.filter((i) => !old.has(i)),
  };
}

const are = (n) => (n === 1 ? "is" : "are");

/** What is shown now; the twin of `WordMap.sentence`. */
function sentence(state, { row, column, found, own, word, trail }) {
  const { neighbours, cosines, reference } = state;
  let told = `${neighbours[row]} neighbours, cosine ${cosines[column]} or more: ${count(found.groups, "group")} of two or more words, ${count(found.alone, "word")} alone; `;
  told += `${number(found.bits)} bits instead of ${number(found.one_level)}; AMI ${number(found.meaning)}.`;
  const module = found.modules[own];
  told += module === ALONE ? ` ${word} is alone.` : ` The group of ${word} has ${found.sizes[module]} words, ${trail.group.length} of them shown (${mostly(state, trail.group)}).`;
  const were = trail.was.length - 1;
  if ((row === reference[0] && column === reference[1]) || !were) return told;
  const still = trail.stayed.length - 1;
  const away = were - still - trail.alone.length;
  const setting = `${neighbours[reference[0]]} and ${cosines[reference[1]]}`;
  return `${told} Of the ${count(were, "word")} shown that were with it at ${setting}, ${still} still ${are(still)}, ${away} ${are(away)} in ${count(trail.others.length, "other group")}, ${trail.alone.length} ${are(trail.alone.length)} alone.`;
}

function render({ model, el: root }) {
  const names = ["words", "categories", "kinds", "neighbours", "cosines", "maps", "reference", "row", "column", "word", "controls", "caption"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const last = (name) => model.get(name).length - 1;
  const can = (control) => model.get("controls").includes(control);
  const set = (changes) => commit(model, changes);
  const at = () => [clamp(model.get("row"), 0, last("neighbours")), clamp(model.get("column"), 0, last("cosines"))];

  const sliders = [
    slider(model, "row", "neighbours", { min: 0, max: () => last("neighbours"), text: () => `${model.get("neighbours")[at()[0]]}` }),
    slider(model, "column", "cosine from", { min: 0, max: () => last("cosines"), text: () => `${model.get("cosines")[at()[1]]}` }),
  ];
  const textId = freshId("word");
  const list = el("datalist", { id: `${textId}-list` }, ...[...model.get("words")].sort().map((word) => el("option", { value: word })));
  const input = el("input", { type: "text", id: textId, list: list.id, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  const hint = el("p", { class: "bk-title", id: `${textId}-hint` });
  input.setAttribute("aria-describedby", hint.id);
  input.addEventListener("input", () => {
    const typed = input.value.trim().toLowerCase();
    const known = model.get("words").includes(typed);
    if (known) set({ word: typed });
    advise(known ? null : typed);
  });
  input.addEventListener("blur", () => {
    input.value = model.get("word");
    advise(null);
  });
  function advise(typed) {
    const words = model.get("words");
    const near = typed ? some(words.filter((word) => word.startsWith(typed)).sort(), 6) : [];
    const says = near.length ? `Go on: ${near.join(", ")} …` : `“${typed}” is not among the ${show(words.length)} words shown.`;
    hint.textContent = typed === null ? `Any of the ${show(words.length)} words shown.` : typed ? says : "A word, please.";
  }

  const shown = [...sliders.filter((control) => can(control.name)).map((control) => control.node)];
  if (can("word")) shown.push(el("div", { class: "bk-control" }, el("label", { for: textId }, "follow"), input, list));
  const told = el("p", { class: "bk-told", role: "status", "aria-live": "polite" });
  const sweep = el("table", { class: "bk-matrix bk-wm-sweep", role: "grid", tabindex: "0", "aria-label": "The settings. Arrow keys move from one to the next." });
  const title = (text) => el("p", { class: "bk-title" }, text);
  const trailTitle = title("");
  const trailList = el("ul", { class: "bk-wm-list" });
  const groupList = el("ul", { class: "bk-wm-list" });
  mount(
    root,
    model,
    "Word map",
    shown.length ? el("div", { class: "bk-controls" }, ...shown) : null,
    can("word") ? hint : null,
    told,
    el("div", { class: "bk-panels bk-wm-panels" }, el("div", {}, title("The sweep: AMI, and below it the number of groups"), sweep), el("div", {}, trailTitle, trailList)),
    el("div", {}, title("The groups with most of the words shown"), groupList),
  );

  // The sweep is laid out once; the mark moves.
  const cellId = freshId("cell");
  const cells = [];
  {
    const { neighbours, cosines, maps } = state();
    const scores = maps.map((found) => found.meaning);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    const head = el("tr", {}, el("th", { class: "bk-corner" }, "neighbours ↓ cosine →"), ...cosines.map((least) => el("th", { scope: "col" }, `${least}`)));
    const rows = neighbours.map((most, i) => {
      const line = cosines.map((_, j) => {
        const { meaning, groups } = maps[i * cosines.length + j];
        const cell = el("td", { role: "gridcell", id: `${cellId}-${i}-${j}`, "data-cell": `${i} ${j}` }, number(meaning), el("small", {}, show(groups)));
        cell.style.setProperty("--bk-shade", `${(6 + (34 * (meaning - low)) / (high - low || 1)).toFixed(0)}%`);
        return cell;
      });
      cells.push(line);
      return el("tr", { role: "row" }, el("th", { scope: "row" }, `${most}`), ...line);
    });
    sweep.style.setProperty("--bk-columns", cosines.length);
    sweep.replaceChildren(el("thead", {}, head), el("tbody", { class: "bk-for" }, ...rows));
  }
  walkCells(sweep, {
    at,
    size: () => [last("neighbours") + 1, last("cosines") + 1],
    choose: (row, column) => set({ row, column }),
    cellAt: (event) => event.target.closest?.("td[data-cell]")?.dataset.cell.split(" ").map(Number) ?? null,
    hover: false,
  });

  /** Words in a line: the one that is followed is bold, those that were with it are underlined. */
  function line(heading, places, most, { was, own }) {
    const { words } = state();
    const chosen = some(places, most);
    if (places.includes(own) && !chosen.includes(own)) chosen.splice(0, 1, own);
    const parts = chosen.flatMap((i, k) => [k ? " " : "", el(i === own ? "b" : "span", { class: was?.has(i) ? "bk-wm-was" : null }, words[i])]);
    const more = places.length - chosen.length;
    return el("li", {}, el("span", { class: "bk-wm-head" }, heading), " ", ...parts, more > 0 ? el("span", { class: "bk-wm-head" }, ` and ${show(more)} more`) : null);
  }

  function drawTrail(s, { found, own, word, trail }) {
    const setting = `${s.neighbours[s.reference[0]]} neighbours and ${s.cosines[s.reference[1]]}`;
    trailTitle.textContent = `The ${count(trail.was.length, "word")} in the group of ${word} at ${setting}, as they lie now`;
    const together = (places) => `${count(places.length, "word")} (${mostly(s, places)}):`;
    const lines = [line(`With ${word}, ${together(trail.stayed)}`, trail.stayed, IN_PART, { own })];
    const several = trail.others.filter((part) => part.length > 1);
    for (const part of several.slice(0, GROUPS)) lines.push(line(`Another group, ${together(part)}`, part, IN_PART, { own }));
    const rest = several.slice(GROUPS).flat();
    if (rest.length) lines.push(line(`In ${count(several.length - GROUPS, "more group")}, ${together(rest)}`, rest, IN_PART, { own }));
    const single = trail.others.filter((part) => part.length === 1).flat();
    if (single.length) lines.push(line(`Each in another group, with none of these, ${count(single.length, "word")}:`, single, IN_PART, { own }));
    if (trail.alone.length) lines.push(line(`Alone, ${count(trail.alone.length, "word")}:`, trail.alone, IN_PART, { own }));
    if (trail.fresh.length) lines.push(line(`New with ${word}, ${together(trail.fresh)}`, trail.fresh, IN_PART, { own }));
    if (found.modules[own] === ALONE) lines[0] = line("Alone itself:", [own], 1, { own });
    trailList.replaceChildren(...lines);
  }

  function drawGroups(s, { found, own, trail }) {
    const was = new Set(trail.was);
    const largest = [...groupsOf(found.modules)].sort((a, b) => b[1].length - a[1].length || a[0] - b[0]).slice(0, GROUPS);
    const lines = largest.map(([module, places]) => line(`${show(found.sizes[module])} words, ${places.length} shown (${mostly(s, places)}):`, places, IN_GROUP, { was, own }));
    const alone = [...found.modules.keys()].filter((i) => found.modules[i] === ALONE);
    lines.push(alone.length ? line(`Alone, ${count(found.alone, "word")}, ${alone.length} shown:`, alone, 2 * IN_GROUP, { was, own }) : el("li", {}, el("span", { class: "bk-wm-head" }, `Alone, ${count(found.alone, "word")}, none of them shown.`)));
    groupList.replaceChildren(...lines);
  }

  function draw() {
    const s = state();
    const [row, column] = at();
    const found = s.maps[row * s.cosines.length + column];
    const own = Math.max(0, s.words.indexOf(s.word));
    const trail = follow(own, s.maps[s.reference[0] * s.cosines.length + s.reference[1]].modules, found.modules);
    const view = { row, column, found, own, word: s.words[own], trail };
    for (const control of sliders) control.update();
    if (document.activeElement !== input) {
      input.value = view.word;
      advise(null);
    }
    cells.flat().forEach((cell) => {
      const here = cell === cells[row][column];
      cell.classList.toggle("bk-chosen", here);
      cell.ariaSelected = here;
    });
    sweep.setAttribute("aria-activedescendant", `${cellId}-${row}-${column}`);
    drawTrail(s, view);
    drawGroups(s, view);
    const says = sentence(s, view);
    if (told.textContent !== says) told.textContent = says;
  }
  return redrawOn(model, names, draw);
}

export default { render };
