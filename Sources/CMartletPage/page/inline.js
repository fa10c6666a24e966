// Markdown within a line: text to DOM nodes. Every character of a model's text ends up in a text node or in a checked
// address; there is no way from here into markup. One pass, with bounded looks back, so no text takes long.

/// How far back a closing mark looks for its opening one.
const FARTHEST = 32;
/// Nothing else may become a link: an address can be a program.
const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", hellip: "…", mdash: "—", ndash: "–", times: "×", rarr: "→" };
const PUNCTUATION = /[\p{P}\p{S}]/u;

/// The nodes of a paragraph's text.
export function inlineNodes(text) {
  const runs = codeRuns(text);
  return new Line(text, runs, linkTargets(text, runs)).nodes(0, text.length, false);
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/// Code within the line: where it begins to where it ends and what it says.
function codeRuns(text) {
  const places = new Map();
  const marks = [];
  for (const { 0: mark, index } of text.matchAll(/\\[^]|`+/g)) {
    if (mark[0] === "\\") {
      if (mark[1] !== "`") continue;
      // A backslash takes one tick out of a run that begins code, and none out of one that ends it.
      marks.push({ index: index + 1, length: lengthOfTicks(text, index + 1), isEscaped: true });
    } else if (marks.at(-1) === undefined || index >= marks.at(-1).index + marks.at(-1).length) {
      marks.push({ index, length: mark.length });
    }
  }
  marks.forEach((mark, order) => {
    if (!places.has(mark.length)) places.set(mark.length, []);
    places.get(mark.length).push(order);
  });
  const runs = new Map();
  for (let order = 0; order < marks.length; order++) {
    const { index, length, isEscaped } = marks[order];
    if (isEscaped) continue;
    const others = places.get(length);
    while (others.length > 0 && others[0] <= order) others.shift();
    if (others.length === 0) continue;
    const close = marks[others[0]];
    let code = text.slice(index + length, close.index).replace(/\n/g, " ");
    if (/^ .* $/.test(code) && code.trim() !== "") code = code.slice(1, -1);
    runs.set(index, { end: close.index + length, code });
    order = others[0];
  }
  return runs;
}

function lengthOfTicks(text, at) {
  let end = at;
  while (text[end] === "`") end++;
  return end - at;
}

/// Brackets that are links: where they open to where they close, where they lead and where that ends.
function linkTargets(text, runs) {
  const targets = new Map();
  const open = [];
  for (let at = 0; at < text.length; at++) {
    if (runs.has(at)) at = runs.get(at).end - 1;
    else if (text[at] === "\\") at++;
    else if (text[at] === "[") open.push({ at, isImage: text[at - 1] === "!" && text[at - 2] !== "\\" });
    else if (text[at] === "]" && open.length > 0) {
      const bracket = open.pop();
      const target = text[at + 1] === "(" ? destination(text, at + 2) : null;
      if (!target || bracket.hasLink) continue;
      targets.set(bracket.at, { close: at, isImage: bracket.isImage, ...target });
      // A link holds no other link.
      if (!bracket.isImage) for (const outer of open.slice(-FARTHEST)) outer.hasLink = !outer.isImage;
      at = target.end - 1;
    }
  }
  return targets;
}

const DESTINATION = /[ \n]*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*))(?:[ \n]+(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\((?:[^()\\]|\\.)*\)))?[ \n]*\)/suy;

function destination(text, at) {
  DESTINATION.lastIndex = at;
  const match = DESTINATION.exec(text);
  return match && { address: unescape(match[1] ?? match[2]), end: DESTINATION.lastIndex };
}

function unescape(text) {
  return text.replace(/\\([!-/:-@[-`{-~])/g, "$1").replace(/&(#\d{1,7}|#[xX][\da-fA-F]{1,6}|\w{2,8});/g, (whole, name) => entity(name) ?? whole);
}

function entity(name) {
  if (name[0] !== "#") return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : null;
  const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : "\ufffd";
}

/// The address if it may be a link; relative ones lead nowhere that a model knows.
function checkedAddress(address) {
  try {
    const url = new URL(address);
    return PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function link(address, children) {
  const href = checkedAddress(address);
  if (href === null) return element("span", {}, ...children);
  return element("a", { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

class Line {
  constructor(text, runs, targets) {
    this.text = text;
    this.runs = runs;
    this.targets = targets;
  }

  /// Marks that are open, and what came after each of them; the first one is the line itself.
  nodes(start, end, isInLink) {
    const { text, runs, targets } = this;
    const stack = [{ children: [] }];
    let plain = "";
    const flush = () => {
      if (plain !== "") stack.at(-1).children.push(plain);
      plain = "";
    };
    const push = (node) => {
      flush();
      stack.at(-1).children.push(node);
    };
    let at = start;
    while (at < end) {
      const character = text[at];
      const target = character === "[" ? targets.get(at) : undefined;
      if (runs.has(at)) {
        push(element("code", {}, runs.get(at).code));
        at = runs.get(at).end;
      } else if (target && !isInLink) {
        if (target.isImage) plain = plain.slice(0, -1);
        push(link(target.address, this.nodes(at + 1, target.close, true)));
        at = target.end;
      } else if (character === "\n") {
        const isHard = /(?: {2,}|\\)$/.test(plain);
        plain = plain.replace(/(?: +|\\)$/, "");
        push(isHard ? element("br") : "\n");
        at++;
      } else if (character === "\\") {
        const math = this.#mathAt(at, end);
        if (math) push(element("code", { class: "math" }, math.text));
        else plain += /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? text[at + 1] : text[at + 1] === "\n" ? "" : "\\";
        if (!math && text[at + 1] === "\n") push(element("br"));
        at = math ? math.end : at + (/[!-/:-@[-`{-~\n]/.test(text[at + 1] ?? "") ? 2 : 1);
      } else if (character === "*" || character === "_" || character === "~") {
        flush();
        at = this.#emphasis(stack, at, start, end);
      } else if (character === "&" || character === "<" || character === "h") {
        const special = this.#specialAt(at, end, isInLink);
        if (special?.node) push(special.node);
        else plain += special?.text ?? character;
        at = special?.end ?? at + 1;
      } else {
        plain += character;
        at++;
      }
    }
    flush();
    while (stack.length > 1) dissolve(stack);
    return stack[0].children;
  }

  /// `\( … \)` and `\[ … \]`, which are shown as they are written.
  #mathAt(at, end) {
    const close = { "(": "\\)", "[": "\\]" }[this.text[at + 1]];
    if (!close) return null;
    const stop = this.text.slice(at, Math.min(end, at + 2000)).indexOf(close, 2);
    return stop < 0 ? null : { text: this.text.slice(at + 2, at + stop).trim(), end: at + stop + 2 };
  }

  /// Entities, line breaks as tables need them, and addresses without brackets.
  #specialAt(at, end, isInLink) {
    const rest = this.text.slice(at, Math.min(end, at + 2048));
    if (rest[0] === "&") {
      const match = /^&(#\d{1,7}|#[xX][\da-fA-F]{1,6}|\w{2,8});/.exec(rest);
      const text = match && entity(match[1]);
      return text ? { text, end: at + match[0].length } : null;
    }
    if (rest[0] === "<") {
      const line = /^<br\s?\/?>/i.exec(rest);
      if (line) return { node: element("br"), end: at + line[0].length };
      const match = /^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i.exec(rest);
      return match && !isInLink ? { node: link(match[1], [match[1]]), end: at + match[0].length } : null;
    }
    if (isInLink || /[\p{L}\p{N}]/u.test(this.text[at - 1] ?? "")) return null;
    const address = /^https?:\/\/[^\s<>`]+/.exec(rest)?.[0].replace(/[.,:;!?"'*_~\]]+$/, "");
    if (!address) return null;
    const isBalanced = address.split("(").length >= address.split(")").length;
    const whole = isBalanced ? address : address.replace(/\)[^)]*$/, "");
    return { node: link(whole, [whole]), end: at + whole.length };
  }

  /// A run of `*`, `_` or `~`: closes what it can and opens the rest, by CommonMark's rules. Returns where it ends.
  #emphasis(stack, at, start, end) {
    const { text } = this;
    const mark = text[at];
    let stop = at;
    while (stop < end && text[stop] === mark) stop++;
    let count = stop - at;
    const before = at > start ? text[at - 1] : " ";
    const after = stop < end ? text[stop] : " ";
    const isLeft = !/\s/.test(after) && (!PUNCTUATION.test(after) || /\s/.test(before) || PUNCTUATION.test(before));
    const isRight = !/\s/.test(before) && (!PUNCTUATION.test(before) || /\s/.test(after) || PUNCTUATION.test(after));
    const canOpen = isLeft && (mark !== "_" || !isRight || PUNCTUATION.test(before));
    const canClose = isRight && (mark !== "_" || !isLeft || PUNCTUATION.test(after));
    const length = count;
    if (mark === "~" && count !== 2) {
      stack.at(-1).children.push(mark.repeat(count));
      return stop;
    }
    while (canClose && count > 0) {
      const index = opener(stack, mark, length, canOpen);
      if (index < 0) break;
      while (stack.length - 1 > index) dissolve(stack);
      const frame = stack[index];
      const used = mark === "~" ? 2 : Math.min(frame.count, count) >= 2 ? 2 : 1;
      frame.children = [element(mark === "~" ? "del" : used === 2 ? "strong" : "em", {}, ...frame.children)];
      frame.count -= used;
      count -= used;
      if (frame.count === 0) {
        stack.pop();
        stack.at(-1).children.push(...frame.children);
      }
    }
    if (count > 0 && canOpen) stack.push({ mark, count, length, canClose, children: [] });
    else if (count > 0) stack.at(-1).children.push(mark.repeat(count));
    return stop;
  }
}

/// The nearest open mark that a run of `length` closes, or -1.
function opener(stack, mark, length, canOpen) {
  for (let index = stack.length - 1; index > 0 && index >= stack.length - FARTHEST; index--) {
    const frame = stack[index];
    if (frame.mark !== mark) continue;
    // "Rule of three" of CommonMark 0.31, section 6.2.
    const isOdd = (frame.canClose || canOpen) && (frame.length + length) % 3 === 0 && (frame.length % 3 || length % 3);
    if (!isOdd) return index;
  }
  return -1;
}

/// Makes an open mark that nothing closed text again.
function dissolve(stack) {
  const frame = stack.pop();
  stack.at(-1).children.push(frame.mark.repeat(frame.count), ...frame.children);
}
