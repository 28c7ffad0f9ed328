// Beam search over stored probabilities: the twin of `thrifty.decoding.beam_search` over `bookkit.stored_model`.

export const END = "."; // the symbol of the end token
const UNIT = 10000;

/** The stored symbols behind one beginning with their log-probabilities, and the probability of all others together. */
export function unpack(packed, vocabulary) {
  const [symbols, ...numbers] = packed.split(" ");
  const logs = numbers.map((number) => -Number(number) / UNIT);
  const p = logs.map(Math.exp);
  const sum = p.reduce((a, b) => a + b, 0);
  const others = vocabulary - symbols.length;
  // Where the rest is nothing but rounding, it must not look likelier than a stored letter.
  const share = others ? Math.min(Math.max(0, 1 - sum) / others, 0.999999 * Math.min(...p.slice(0, -1))) : 0;
  const total = sum + others * share;
  return { options: [...symbols].map((symbol, i) => ({ symbol, logP: logs[i] - Math.log(total) })), rest: (others * share) / total };
}

const byScore = (a, b) => b.score - a.score;

/**
 * All steps of one search. A step has `nodes`, the continuations it takes, and `passed`, the likeliest it does not take.
 * A node has `parent` (its place in the step before, -1 at the start), `text`, `symbol`, `logP` of the symbol, `total` of
 * the text, and `state`: live, finished or lost.
 */
export function beamSearch(nodes, { vocabulary, cap, beams, alpha, lose }) {
  const steps = [];
  let live = [{ place: -1, text: "", total: 0 }];
  let done = [];
  let width = beams;
  const scored = (node) => ({ text: node.text, total: node.total, score: node.total / node.text.length ** alpha, finished: node.state === "finished" });
  for (;;) {
    const all = live.flatMap((before, row) =>
      unpack(nodes[before.text], vocabulary).options.map(({ symbol, logP }) => ({ parent: before.place, row, symbol, logP, total: before.total + logP, text: before.text + symbol })),
    );
    // Of equal ones the earlier hypothesis, then the earlier letter; the end comes before all letters.
    all.sort((a, b) => b.total - a.total || a.row - b.row || a.symbol.charCodeAt() - b.symbol.charCodeAt());
    const best = all.slice(0, width).map((node, i) => ({ ...node, state: node.symbol !== END ? "live" : lose && i ? "lost" : "finished" }));
    if (lose) width -= best.filter((node) => node.state === "lost").length;
    else {
      const room = width - best.filter((node) => node.state === "live").length;
      const others = all.slice(width).filter((node) => node.symbol !== END);
      best.push(...others.slice(0, room).map((node) => ({ ...node, state: "live" })));
    }
    const taken = new Set(best.map((node) => node.text));
    steps.push({ nodes: best, passed: all.filter((node) => !taken.has(node.text)).slice(0, 3) });
    done.push(...best.filter((node) => node.state === "finished").map(scored));
    live = best.flatMap((node, place) => (node.state === "live" ? [{ ...node, place }] : []));
    if (!lose) done = done.sort(byScore).slice(0, beams);
    steps.at(-1).done = [...done];
    const hope = Math.max(...live.map((node) => node.total)) / cap ** alpha;
    const over = lose ? done.length > 0 : done.length > 0 && done[0].score >= hope;
    if (over || !live.length || steps.length === cap) {
      const cut = steps.length === cap ? live.map(scored) : [];
      const why = !live.length ? "none is left to go on" : lose && over ? "the best of the step has ended" : steps.length === cap ? "the cap is reached" : "no other can overtake the best";
      return { steps, hypotheses: [...done.sort(byScore), ...cut.sort(byScore)].slice(0, width), why };
    }
  }
}
