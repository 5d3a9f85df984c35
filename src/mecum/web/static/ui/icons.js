// Line icons, drawn for this page on a grid of 24. They say nothing to screen readers: the button around one has a name.
const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} */
const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14M16 16l4.5 4.5",
  close: "M6 6l12 12M18 6L6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  check: "M5 12.5l4.5 4.5L19 7",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  again: "M20 12a8 8 0 1 1-2.5-5.800M20 3v4.5h-4.5",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  download: "M12 4v11M7 10.5l5 5 5-5M4 20h16",
  upload: "M12 20V9M7 13.5l5-5 5 5M4 4h16",
  chat: "M4 5h16v11H10l-5 4v-4H4z",
  library: "M5 4h4v16H5zM9 4h4v16H9zM14 5l4-1 3 15-4 1z",
  roles: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8M4 21c0-5 3.5-7 8-7s8 2 8 7",
  status: "M3 12h4l3-8 4 16 3-8h4",
  help: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18M9.5 9.5a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M12 17h.01",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  moon: "M20 14A8 8 0 1 1 10 4a6.5 6.5 0 0 0 10 10z",
  folder: "M3 6h6l2 2h10v11H3z",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  command:
    "M9 9V6.5A2.5 2.5 0 1 0 6.5 9zM9 9h6v6H9zM15 9V6.5A2.5 2.5 0 1 1 17.5 9zM15 15v2.5a2.5 2.5 0 1 0 2.5-2.5zM9 15v2.5A2.5 2.5 0 1 1 6.5 15z",
  key: "M8 11a4 4 0 1 1 0 8 4 4 0 0 1 0-8M11 12l9-9M16 7l3 3",
  branch: "M7 4v16M7 15c6 0 10-2 10-8M17 7V4",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

/**
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? "");
  svg.append(path);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  return svg;
}
