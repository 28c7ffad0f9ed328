// A small network, drawn: modules are told apart by colour, by the shape of their nodes, and by a letter at the ground under them.
// The twin of `bookkit.network_picture`, where the places of nodes come from.
import { el, filling, put, svgPoint } from "./kit.js";

const NET_COLOURS = 10; // in figures.css
const NET_RADIUS = 12; // of a node
const NET_SMALL = 9; // a radius that leaves no room for a name
const NET_AROUND = 7; // of the ground, more than the node
// Corners, turn of the first in degrees, size against a circle of the same area, drop of the text; the first is a circle.
const NET_SHAPES = [null, [4, 45, 1.25, 0], [4, 0, 1.25, 0], [6, 0, 1.1, 0], [3, -90, 1.5, 2], [5, -90, 1.15, 0], [3, 90, 1.5, -2]];

/** The name of a module: A to Z, then AA, AB and so on. */
export const moduleLetter = (module) => (module < 26 ? "" : moduleLetter(Math.floor(module / 26) - 1)) + String.fromCharCode(65 + (module % 26));
/** The class that gives an element a module's colours, as --bk-net-fill and --bk-net-text. */
export const moduleClass = (module) => (module < 0 ? "bk-net-alone" : `bk-net-${module % NET_COLOURS}`);

/** The outline of a module's nodes around 0, 0, as path data. */
export function modulePath(module, radius = NET_RADIUS) {
  const shape = NET_SHAPES[module % NET_SHAPES.length];
  if (!shape) return `M${-radius} 0a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
  const [corners, turn, size] = shape;
  const points = Array.from({ length: corners }, (_, k) => {
    const angle = ((turn + (360 * k) / corners) * Math.PI) / 180;
    return `${(radius * size * Math.cos(angle)).toFixed(2)} ${(radius * size * Math.sin(angle)).toFixed(2)}`;
  });
  return `M${points.join("L")}z`;
}

/** A module's mark for running text and tables: a small shape in its colour. */
export const moduleMark = (module) =>
  el("svg", { class: `bk-net-mark ${moduleClass(module)}`, viewBox: "-20 -20 40 40", "aria-hidden": "true" }, el("path", { class: "bk-net-shape", d: modulePath(module) }));

/** Nodes of one module that links join, as lists. */
function netIslands(links, modules) {
  const island = modules.map((_, node) => node);
  const root = (node) => {
    while (island[node] !== node) node = island[node];
    return node;
  };
  for (const [a, b] of links) if (modules[a] === modules[b]) island[root(a)] = root(b);
  const found = new Map();
  modules.forEach((_, node) => {
    const at = root(node);
    found.set(at, [...(found.get(at) ?? []), node]);
  });
  return [...found.values()];
}

/** The distance of a point from the line between two others. */
function netDistance(x, y, [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

/**
 * A drawing of `{ names, places, links, directed, radius }`: names of the nodes, [x, y] of each, links as [a, b, weight].
 * `update({ modules, classes, tags, grounds })` colours it: `modules` a number for each node, -1 for a node that is told as none; `classes(node)` adds a class to a node;
 * without `tags` no letters; `grounds` as { nodes, module, wider } where they are not the modules' own, those below first. `linkAt(a, b)` is the line of a link, `node(i)` the group of a node, `nodeAt(event)` the nearest
 * node to a pointer or null, `layer` a group on top for what a figure draws itself, `under` one that leaves the letters readable.
 */
export function networkDrawing({ names, places, links, directed = false, radius = NET_RADIUS }, label) {
  const hull = radius + NET_AROUND;
  const edge = hull + 9;
  const [right, bottom] = [0, 1].map((axis) => Math.max(...places.map((place) => place[axis])) + edge);
  // Room above the highest node is left out.
  const top = Math.max(0, Math.min(...places.map((place) => place[1])) - edge);
  const svg = el("svg", { class: "bk-svg bk-net", role: "img", "aria-label": label, viewBox: `0 ${top} ${right} ${bottom - top}` });
  const most = Math.max(...links.map((link) => link[2] ?? 1));
  const equal = links.every((link) => (link[2] ?? 1) === most);
  const lines = new Map();
  const corners = []; // of what three or four links enclose
  const ground = el("g");
  const lettered = el("g");
  const [fillGround, fillLetters] = [filling(ground), filling(lettered)];
  const layers = { lines: el("g"), nodes: el("g"), under: el("g"), tags: lettered, own: el("g") };
  const linked = new Set(links.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]));

  for (const [a, b, weight = 1] of links) {
    const [[ax, ay], [bx, by]] = [places[a], places[b]];
    const line = el("path", { class: "bk-net-link", d: `M${ax} ${ay}L${bx} ${by}`, "stroke-width": (equal ? 2 : 1 + (4 * weight) / most).toFixed(2) });
    layers.lines.append(line);
    lines.set(`${a} ${b}`, line);
    if (!directed) lines.set(`${b} ${a}`, line);
    for (const c of names.keys()) if (c > Math.max(a, b) && linked.has(`${a} ${c}`) && linked.has(`${b} ${c}`)) corners.push([a, b, c]);
    if (directed) {
      const [length, turn] = [Math.hypot(bx - ax, by - ay), (Math.atan2(by - ay, bx - ax) * 180) / Math.PI];
      layers.lines.append(el("path", { class: "bk-net-arrow", d: "M0 0l-9 -4.5v9z", transform: `translate(${ax} ${ay}) rotate(${turn.toFixed(1)}) translate(${(length - radius - 3).toFixed(1)} 0)` }));
    }
  }
  const beside = names.map((_, node) => names.map((_, k) => k).filter((k) => linked.has(`${node} ${k}`)));
  for (const a of names.keys()) {
    for (const c of names.keys()) {
      const shared = a < c ? beside[a].filter((k) => k > a && linked.has(`${k} ${c}`)) : [];
      shared.slice(1).forEach((d, k) => corners.push([a, shared[k], c, d]));
    }
  }
  // All turning one way: where outlines of two ways lie over each other, nothing would be filled.
  const area = (round) => round.reduce((sum, k, i) => sum + places[k][0] * places[round.at(i - 1)][1] - places[k][1] * places[round.at(i - 1)][0], 0);
  for (const round of corners) if (area(round) < 0) round.reverse();
  const nodes = names.map((name, node) => {
    const shape = el("path", { class: "bk-net-shape" });
    const text = el("text", { class: "bk-net-name" }, radius < NET_SMALL ? "" : `${name}`);
    const group = el("g", { transform: `translate(${places[node]})` }, shape, text);
    layers.nodes.append(group);
    return { group, shape, text };
  });
  svg.append(ground, ...Object.values(layers));

  /** Where a letter could stand beside a node, and how far that is from all nodes and links: { x, y, room }. */
  function besides(node) {
    const found = [];
    for (let k = 0; k < 12; k++) {
      const angle = (k * Math.PI) / 6;
      const [x, y] = [places[node][0] + hull * Math.cos(angle), places[node][1] + hull * Math.sin(angle)];
      if (x < 8 || y < top + 8 || x > right - 8 || y > bottom - 8) continue;
      let room = Infinity;
      for (const [i, [px, py]] of places.entries()) if (i !== node) room = Math.min(room, Math.hypot(x - px, y - py) - radius);
      for (const [a, b] of links) room = Math.min(room, netDistance(x, y, places[a], places[b]));
      found.push({ x, y, room });
    }
    return found;
  }
  const spots = new Map(); // of each node, once it is asked for: they are the same for all modules
  const spotsOf = (node) => spots.get(node) ?? spots.set(node, besides(node)).get(node);

  /** The place for an island's letter that is farthest from all else. */
  function tagPlace(island, taken) {
    let best = null;
    for (const node of island) {
      for (const { x, y, room } of spotsOf(node)) {
        let free = room;
        for (const [tx, ty] of taken) free = Math.min(free, Math.hypot(x - tx, y - ty) - 8);
        // Of places that are free enough the highest: letters stand where one begins to read.
        const score = Math.min(free, 13) - 0.012 * y;
        if (!best || score > best.score) best = { x, y, score };
      }
    }
    return best ?? { x: places[island[0]][0], y: places[island[0]][1] - hull };
  }

  /** What lies under nodes and the links between them, as path data. */
  function groundPath(nodes) {
    const own = new Set(nodes);
    const parts = nodes.map((node) => `M${places[node]}h0.01`);
    for (const [a, b] of links) if (own.has(a) && own.has(b)) parts.push(`M${places[a]}L${places[b]}`);
    for (const round of corners) if (round.every((k) => own.has(k))) parts.push(`M${round.map((k) => places[k]).join("L")}z`);
    return parts.join("");
  }

  const ownGrounds = (modules) => [...new Set(modules)].filter((module) => module >= 0).map((module) => ({ module, nodes: [...modules.keys()].filter((node) => modules[node] === module) }));

  function update({ modules, classes = () => "", tags = true, grounds = ownGrounds(modules) }) {
    const layersOf = [...new Set(grounds.map(({ wider = 0 }) => wider))].map((wide) => grounds.filter(({ wider = 0 }) => wider === wide));
    const parts = layersOf.map((some) => some.map(({ nodes, module, wider = 0 }) => [groundPath(nodes), module, 2 * (hull + wider)]));
    const path = (d, kind, wide) => [`${kind} ${wide} ${d}`, () => el("path", { d, class: kind, "stroke-width": wide })];
    const paths = (some, kind, more) => some.map(([d, module, wide]) => path(d, `${kind} ${moduleClass(module)}`, wide + more));
    fillGround(parts.flatMap((some) => [...paths(some, "bk-net-rim", 3), ...paths(some, "bk-net-ground", 0)]));
    nodes.forEach(({ group, shape, text }, node) => {
      const module = modules[node];
      put(group, "class", `bk-net-node ${moduleClass(module)} ${classes(node)}`.trim());
      put(shape, "d", modulePath(module, radius));
      put(text, "y", 4 + (NET_SHAPES[module % NET_SHAPES.length]?.[3] ?? 0));
    });
    const taken = [];
    const letters = tags ? netIslands(links, modules).filter(([node]) => modules[node] >= 0) : [];
    fillLetters(
      letters.map((island) => {
        const { x, y } = tagPlace(island, taken);
        taken.push([x, y]);
        return letterAt(modules[island[0]], `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      }),
    );
  }
  function letterAt(module, transform) {
    const wide = module < 26 ? 15 : 22;
    return [`${module} ${transform}`, () => el("g", { class: `bk-net-tag ${moduleClass(module)}`, transform }, el("rect", { x: -wide / 2, y: -7.5, width: wide, height: 15, rx: 3 }), el("text", { y: 4 }, moduleLetter(module)))];
  }

  /** The node nearest to a pointer, or null if it is farther than `within`. */
  function nodeAt(event, within = 22) {
    const point = svgPoint(svg, event);
    if (!point) return null;
    let [best, least] = [null, within];
    places.forEach(([x, y], node) => {
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance < least) [best, least] = [node, distance];
    });
    return best;
  }
  return { svg, update, nodeAt, layer: layers.own, under: layers.under, node: (i) => nodes[i].group, linkAt: (a, b) => lines.get(`${a} ${b}`) };
}
