// Markdown's blocks: text to a list of plain objects. What a model writes is hostile input: nesting is bounded, every line
// is looked at a bounded number of times, and text that is no Markdown stays text. HTML is text.

/// Deeper quotes and lists are shown as text.
const DEEPEST = 12;

const FENCE = /^( {0,3})(`{3,}|~{3,})[ \t]*([^\n]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-+*]|(\d{1,9})[.)])([ \t]+|$)/;
const MATH = /^ {0,3}\$\$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const DELIMITERS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

/// The blocks of a text: `{ kind, raw, … }`, where equal `raw` means an equal block.
export function parseBlocks(text) {
  return blocksOf(text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0);
}

function blocksOf(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === "") {
      at++;
      continue;
    }
    const start = at;
    const block = blockAt(lines, at, depth);
    at = block.end;
    delete block.end;
    blocks.push({ ...block, raw: lines.slice(start, at).join("\n") });
  }
  return blocks;
}

function blockAt(lines, at, depth) {
  const line = lines[at];
  const fence = openedFence(line);
  if (fence) return codeAt(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return { kind: "heading", level: heading[1].length, text: heading[2] ?? "", end: at + 1 };
  if (RULE.test(line)) return { kind: "rule", end: at + 1 };
  if (MATH.test(line)) return mathAt(lines, at);
  if (/^ {4}/.test(line)) return indentedAt(lines, at);
  if (depth < DEEPEST) {
    if (QUOTE.test(line)) return quoteAt(lines, at, depth);
    if (ITEM.test(line)) return listAt(lines, at, depth);
  }
  return tableAt(lines, at) ?? paragraphAt(lines, at, depth);
}

function openedFence(line) {
  const match = FENCE.exec(line);
  // A line of backticks and more backticks is code within a line.
  return match && !(match[2][0] === "`" && match[3].includes("`")) ? match : null;
}

function codeAt(lines, at, [, indent, fence, info]) {
  const isEnd = (line) => {
    const text = line.trim();
    return text.length >= fence.length && /^ {0,3}\S/.test(line) && [...text].every((character) => character === fence[0]);
  };
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end++;
  const strip = new RegExp(`^ {0,${indent.length}}`);
  const text = lines.slice(at + 1, end).map((line) => line.replace(strip, "")).join("\n");
  return { kind: "code", language: info.trim().split(/\s+/)[0], text, isOpen: end === lines.length, end: end + 1 };
}

function mathAt(lines, at) {
  let end = at;
  const first = lines[at].trim();
  if (first.length < 4 || !first.endsWith("$$")) {
    end++;
    while (end < lines.length && !lines[end].trim().endsWith("$$")) end++;
  }
  const text = lines.slice(at, end + 1).join("\n").trim();
  return { kind: "math", text: text.slice(2, text.length > 3 && text.endsWith("$$") ? -2 : undefined).trim(), end: end + 1 };
}

function indentedAt(lines, at) {
  let end = at;
  while (end < lines.length && (/^ {4}/.test(lines[end]) || lines[end].trim() === "")) end++;
  while (lines[end - 1].trim() === "") end--;
  const text = lines.slice(at, end).map((line) => line.slice(4)).join("\n");
  return { kind: "code", language: "", text, isOpen: false, end };
}

function quoteAt(lines, at, depth) {
  const inner = [];
  let end = at;
  while (end < lines.length && (QUOTE.test(lines[end]) || continues(lines, end, inner))) {
    inner.push(lines[end++].replace(QUOTE, ""));
  }
  return { kind: "quote", blocks: blocksOf(inner, depth + 1), end };
}

/// Whether a line without the mark of its container goes on with the paragraph in it.
function continues(lines, at, inner) {
  return inner.length > 0 && inner.at(-1).trim() !== "" && !openedFence(inner[0]) && !interrupts(lines[at]);
}

/// Whether a line ends the paragraph above it.
function interrupts(line) {
  if (line.trim() === "" || RULE.test(line) || HEADING.test(line) || openedFence(line) || QUOTE.test(line)) return true;
  const item = ITEM.exec(line);
  // "1986. A great year" is no list within a paragraph.
  return Boolean(item && item[4] !== "" && (item[3] === undefined || item[3] === "1")) || MATH.test(line);
}

function listAt(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  const mark = first[2].at(-1);
  const items = [];
  let isLoose = false;
  let end = at;
  while (end < lines.length) {
    const match = ITEM.exec(lines[end]);
    if (!match || match[2].at(-1) !== mark || RULE.test(lines[end])) break;
    const gap = match[4].length;
    const indent = match[1].length + match[2].length + (gap === 0 || gap > 4 ? 1 : gap);
    const margin = " ".repeat(indent);
    const inner = [lines[end++].slice(indent)];
    while (end < lines.length) {
      const line = lines[end];
      const isBlank = line.trim() === "";
      if (isBlank ? lines[end + 1]?.startsWith(margin) : line.startsWith(margin)) inner.push(line.slice(indent));
      else if (!isBlank && !ITEM.test(line) && continues(lines, end, inner)) inner.push(line);
      else break;
      end++;
    }
    const task = /^\[([ xX])\][ ]+/.exec(inner[0]);
    if (task) inner[0] = inner[0].slice(task[0].length);
    const blocks = blocksOf(inner, depth + 1);
    items.push({ blocks, isDone: task ? task[1] !== " " : null });
    let next = end;
    while (next < lines.length && lines[next].trim() === "") next++;
    const goesOn = ITEM.exec(lines[next] ?? "")?.[2].at(-1) === mark;
    if (goesOn && next > end) isLoose = true;
    if (inner.some((line, index) => line === "" && blocks.length > 1 && index > 0)) isLoose ||= blocks[1].kind === "paragraph";
    if (!goesOn) break;
    end = next;
  }
  return { kind: "list", start: first[3] === undefined ? null : Number(first[3]), items, isLoose, end };
}

function tableAt(lines, at) {
  const below = lines[at + 1];
  if (below === undefined || !lines[at].includes("|") || !DELIMITERS.test(below)) return null;
  const head = cellsOf(lines[at]);
  const alignments = cellsOf(below).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "right") : cell.startsWith(":") ? "left" : null);
  if (alignments.length !== head.length) return null;
  const rows = [];
  let end = at + 2;
  for (; end < lines.length && !interrupts(lines[end]); end++) {
    const cells = cellsOf(lines[end]).slice(0, head.length);
    while (cells.length < head.length) cells.push("");
    rows.push(cells);
  }
  return { kind: "table", head, alignments, rows, end };
}

/// A table's row; bars in code and after a backslash separate nothing.
function cellsOf(line) {
  const text = line.trim().replace(/^\|/, "").replace(/([^\\]|^)\|$/, "$1");
  const cells = [""];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\" && text[at + 1] === "|") cells[cells.length - 1] += text[++at];
    else if (text[at] === "|") cells.push("");
    else cells[cells.length - 1] += text[at];
  }
  return cells.map((cell) => cell.trim());
}

function paragraphAt(lines, at) {
  let end = at + 1;
  while (end < lines.length) {
    const underline = UNDERLINE.exec(lines[end]);
    if (underline) {
      const text = lines.slice(at, end).join("\n").trim();
      return { kind: "heading", level: underline[1][0] === "=" ? 1 : 2, text, end: end + 1 };
    }
    if (interrupts(lines[end]) || tableAt(lines, end)) break;
    end++;
  }
  return { kind: "paragraph", text: lines.slice(at, end).map((line) => line.trimStart()).join("\n"), end };
}
