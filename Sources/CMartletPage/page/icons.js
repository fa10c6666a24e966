// Small drawings for buttons, as strokes on a grid of 24.

const PATHS = {
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h10",
  sliders: "M4 8h9M19 8h1M4 16h1M11 16h9M13 8a3 3 0 1 0 6 0a3 3 0 1 0-6 0M5 16a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  check: "M5 12.500l4.500 4.500L19 7.500",
  edit: "M4 20l1-4L16 5l3 3L8 19zM13.500 7.500l3 3",
  again: "M19 12a7 7 0 1 1-2.200-5.100M19 4v4h-4",
  on: "M5 12h13M13 6l6 6-6 6",
  previous: "M14 6l-6 6 6 6",
  next: "M10 6l6 6-6 6",
  bin: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10 11v5M14 11v5",
};
const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("stroke");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/// Draws the icons that the page's own markup asks for.
export function drawIcons() {
  for (const owner of document.querySelectorAll("[data-icon]")) owner.prepend(icon(owner.dataset.icon));
}
