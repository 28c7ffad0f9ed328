// A tree of modules whose code books are put away and taken out: the twin of `bookkit.module_trees`.
// A module's key is its place on the way down, "0.2"; "" is the top, all nodes. A state has `dissolved` and `closed`, lists of keys.

/** The key of every module on the way down to the last one of a path. */
export function treeKeys(path) {
  return path.map((_, depth) => path.slice(0, depth + 1).join("."));
}

/** The key of the module around a module; "" for the top. */
export function treeParent(key) {
  return key.includes(".") ? key.slice(0, key.lastIndexOf(".")) : "";
}

/** The keys of the modules around a module, from the top down. */
export function treeAround(key) {
  const parts = key.split(".");
  return key === "" ? [] : ["", ...parts.slice(0, -1).map((_, depth) => parts.slice(0, depth + 1).join("."))];
}

/** The keys of the modules that hold modules, the top among them. */
export function treeInner(tree) {
  return new Set(tree.flatMap((path) => treeKeys(path).map(treeParent)));
}

/** The modules with a code book on the way to a node whose path in the whole tree is given. */
export function shownPath(path, { dissolved, closed }) {
  if (closed.includes("")) return [""];
  const found = [];
  for (const key of treeKeys(path)) {
    if (!dissolved.includes(key)) found.push(key);
    if (closed.includes(key)) break;
  }
  return found;
}

/** Whether a module is shown with a book: "own" if it has one, "away" if it dissolved, "inside" if a closed module holds it. */
export function treeBook(key, { dissolved, closed }) {
  if (treeAround(key).some((around) => closed.includes(around))) return "inside";
  return dissolved.includes(key) ? "away" : "own";
}

/** What is dissolved and closed if only the modules of one level have books. */
export function treeLevel(tree, depth) {
  if (depth === 0) return { dissolved: [], closed: [""] };
  const keys = [...treeInner(tree)].filter((key) => key !== "").sort();
  const deep = (key) => key.split(".").length;
  return { dissolved: keys.filter((key) => deep(key) < depth), closed: keys.filter((key) => deep(key) === depth) };
}

/**
 * The state after a module's book went, or came back. A module of modules dissolves. Where a module of nodes goes,
 * those beside it go too: the module around them is closed, because nodes do not stand beside modules.
 * Also says what happened, as { did, key }: "dissolve", "restore", "close" or "open", and the module that changed.
 */
export function treeToggle(tree, key, { dissolved, closed }) {
  const without = (keys, ...gone) => keys.filter((one) => !gone.includes(one));
  const withOne = (keys, one) => [...without(keys, one), one].sort();
  const book = treeBook(key, { dissolved, closed });
  if (book === "inside") {
    const around = treeAround(key).filter((one) => closed.includes(one));
    return { dissolved: without(dissolved, key), closed: without(closed, ...around), did: "open", key: around[0] };
  }
  if (book === "away") return { dissolved: without(dissolved, key), closed, did: "restore", key };
  if (key === "" && closed.includes("")) return { dissolved, closed: without(closed, ""), did: "open", key };
  const holdsModules = treeInner(tree).has(key) && !closed.includes(key);
  if (key !== "" && holdsModules) return { dissolved: withOne(dissolved, key), closed, did: "dissolve", key };
  const around = treeParent(key);
  return { dissolved: without(dissolved, around), closed: withOne(closed, around), did: "close", key: around };
}
