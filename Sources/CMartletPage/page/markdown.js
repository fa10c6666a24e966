// Shows a model's Markdown, and keeps up while it grows: blocks that did not change keep their nodes.

import { parseBlocks } from "./blocks.js";
import { highlighted } from "./highlight.js";
import { icon } from "./icons.js";
import { element, inlineNodes } from "./inline.js";

/// A place that shows a text as Markdown.
export class MarkdownView {
  #shown = [];

  constructor(container) {
    this.container = container;
  }

  /// Shows `text`; returns how many blocks are whole while more text may come.
  update(text) {
    const blocks = parseBlocks(text);
    rankHeadings(blocks, []);
    let same = 0;
    while (same < blocks.length && same < this.#shown.length && isSame(blocks[same], this.#shown[same])) same++;
    while (this.container.childNodes.length > same) this.container.lastChild.remove();
    this.container.append(...blocks.slice(same).map(nodeOf));
    this.#shown = blocks;
    return Math.max(blocks.length - 1, 0);
  }
}

/// Gives headings the ranks that they have on the page: below its own two, and without the gaps that models leave.
/// - open: the levels of the headings that the text stands below.
function rankHeadings(blocks, open) {
  for (const block of blocks) {
    if (block.kind === "heading") {
      while (open.at(-1) >= block.level) open.pop();
      block.rank = Math.min(open.push(block.level) + 2, 6);
    }
    rankHeadings(block.blocks ?? block.items?.flatMap((item) => item.blocks) ?? [], open);
  }
}

function isSame(a, b) {
  return a.kind === b.kind && a.raw === b.raw && a.isOpen === b.isOpen && a.rank === b.rank;
}

function nodeOf(block) {
  switch (block.kind) {
    case "heading":
      return element(`h${block.rank}`, { class: `level-${block.level}` }, ...inlineNodes(block.text));
    case "rule":
      return element("hr");
    case "code":
      return codeBlock(block);
    case "math":
      return element("pre", { class: "math", tabindex: "0" }, element("code", {}, block.text));
    case "quote":
      return element("blockquote", {}, ...block.blocks.map(nodeOf));
    case "list":
      return listNode(block);
    case "table":
      return tableNode(block);
    default:
      return element("p", {}, ...inlineNodes(block.text));
  }
}

function codeBlock({ language, text }) {
  const copy = element("button", { type: "button", class: "quiet copy-code" }, icon("copy"), "Copy");
  const name = language || "code";
  // It can be scrolled, so it can be reached by keyboard.
  const code = element("pre", { tabindex: "0", role: "group", "aria-label": language ? `Code in ${language}` : "Code" });
  code.append(element("code", {}, ...highlighted(text, language)));
  return element("div", { class: "code" }, element("div", { class: "code-head" }, element("span", {}, name), copy), code);
}

function listNode({ start, items, isLoose }) {
  const list = element(start === null ? "ul" : "ol", start === null || start === 1 ? {} : { start });
  for (const { blocks, isDone } of items) {
    const item = element("li");
    if (isDone !== null) {
      item.className = "task";
      item.append(element("input", { type: "checkbox", name: "task", disabled: "", "aria-label": isDone ? "Done" : "To do", ...(isDone && { checked: "" }) }));
    }
    for (const block of blocks) {
      if (block.kind === "paragraph" && !isLoose) item.append(...inlineNodes(block.text));
      else item.append(nodeOf(block));
    }
    list.append(item);
  }
  return list;
}

function tableNode({ head, alignments, rows }) {
  const cell = (name, text, column) =>
    element(name, alignments[column] ? { class: `align-${alignments[column]}` } : {}, ...inlineNodes(text));
  const body = rows.map((row) => element("tr", {}, ...row.map((text, column) => cell("td", text, column))));
  return element("div", { class: "table", tabindex: "0", role: "group", "aria-label": "Table" },
    element("table", {},
      element("thead", {}, element("tr", {}, ...head.map((text, column) => cell("th", text, column)))),
      element("tbody", {}, ...body)));
}
