// What a test wants to know about an opened page, as plain values.
() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const name = (node) => {
    const words = node.textContent.trim().replace(/\s+/g, " ").slice(0, 40);
    return `${node.tagName.toLowerCase()}${node.id ? "#" + node.id : ""}.${[...node.classList].join(".")} "${words}"`;
  };
  const drawn = (node) => {
    const style = getComputedStyle(node);
    const box = node.getBoundingClientRect();
    return style.visibility !== "hidden" && style.display !== "none" && box.width > 0 && box.height > 0;
  };
  const width = document.documentElement.clientWidth;

  // Wider than the window, and not inside something that scrolls on its own.
  const scrolls = (node) => {
    for (let up = node.parentElement; up && up !== document.body; up = up.parentElement) {
      if (/auto|scroll|hidden|clip/.test(getComputedStyle(up).overflowX)) return true;
    }
    return false;
  };
  const tooWide = all("body *")
    .filter((node) => drawn(node) && node.getBoundingClientRect().right > width + 1 && !scrolls(node))
    .map(name);

  // Text that leaves its own box: cut off, or written over its neighbour.
  const textBox = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return range.getBoundingClientRect();
  };
  const outside = (inner, outer) =>
    inner.left < outer.left - 1.5 || inner.right > outer.right + 1.5 || inner.top < outer.top - 3 || inner.bottom > outer.bottom + 3;
  const texts = ":is(label, output, button, p, dt, dd, th, td, legend, .bk-legend span)";
  const clipped = all(`.bk-figure ${texts}`)
    .filter((node) => drawn(node) && node.textContent.trim() && outside(textBox(node), node.getBoundingClientRect()))
    .map(name);
  const pen = document.createElement("canvas").getContext("2d");
  for (const select of all(".bk-figure select").filter(drawn)) {
    const style = getComputedStyle(select);
    pen.font = style.font;
    const longest = Math.max(...[...select.options].map((option) => pen.measureText(option.text).width));
    const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20; // the arrow
    if (longest > room) clipped.push(`${name(select)}: ${Math.round(longest)} > ${Math.round(room)}`);
  }
  for (const text of all(".bk-figure svg text").filter((node) => node.textContent.trim() && drawn(node))) {
    if (outside(text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect())) clipped.push(name(text));
  }

  // Contrast of the words of code, each pair of colours once.
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let up = node; up; up = up.parentElement) {
      const colour = getComputedStyle(up).backgroundColor;
      const alpha = channels(colour)[3] ?? 1;
      if (alpha === 1) return colour;
      if (alpha > 0) return null; // half transparent: not to be told from here
    }
    return "rgb(255, 255, 255)";
  };
  const codeColours = new Map();
  for (const pre of all(".highlight pre")) {
    for (const node of [pre, ...all("span", pre)]) {
      const ownText = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
      const paper = ownText ? ground(node) : undefined;
      if (paper === undefined) continue;
      const ink = getComputedStyle(node).color;
      const [low, high] = paper === null ? [0, 0] : [light(ink), light(paper)].sort((a, b) => a - b);
      codeColours.set(`${ink} on ${paper}`, { word: node.textContent.slice(0, 20), kind: node.className, contrast: (high + 0.05) / (low + 0.05) });
    }
  }

  const levels = all("h1, h2, h3, h4, h5, h6", document.querySelector("main") ?? document.body)
    .filter(drawn)
    .map((node) => ({ level: Number(node.tagName[1]), text: node.textContent.trim() }));

  return {
    title: document.title,
    theme: document.documentElement.dataset.theme,
    width: [document.documentElement.scrollWidth, width],
    tooWide,
    code: [...codeColours].map(([colours, found]) => ({ colours, ...found })),
    clipped,
    headings: levels,
    citations: all(".bibtex-citation").map((node) => node.textContent.trim()),
    formulas: all("span.math, div.math").length,
    typeset: all("span.math mjx-container, div.math mjx-container").length,
    mathErrors: all("mjx-merror").map((node) => node.getAttribute("title") || node.textContent),
    live: all(".bk-live").map((host) => ({
      figure: host.dataset.figure,
      ready: host.dataset.ready === "true",
      picture: host.querySelector(".bk-picture") !== null,
      caption: all(".bk-caption", host).filter(drawn).map((node) => node.textContent.trim()).join(" "),
    })),
    plots: all("figure.bk-plot").map((figure) => ({
      alts: all("img", figure).map((image) => image.getAttribute("alt")),
      loaded: all("img", figure).every((image) => image.complete && image.naturalWidth > 0 && drawn(image)),
      caption: all("figcaption", figure).filter(drawn).map((node) => node.textContent.trim()).join(" "),
    })),
    images: all("img")
      .filter((image) => !image.closest("figure.bk-plot") && drawn(image))
      .map((image) => ({ src: image.currentSrc.slice(0, 120), alt: image.getAttribute("alt"), mark: image.matches(".logo__image"), loaded: image.naturalWidth > 0 })),
    bareImages: all("img:not([alt])").map((image) => image.outerHTML.slice(0, 160)),
  };
}
