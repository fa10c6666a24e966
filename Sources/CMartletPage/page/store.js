// Conversations in the browser's local storage: one entry each, and nothing anywhere else.
//
// A conversation is a tree. Editing a message or asking again adds a sibling, so nothing that was said is lost; each node
// remembers which of its children is shown, and the shown path from the root is what the model reads.

const PREFIX = "martlet.conversation.";
const ROOT = "root";
const storage = openedStorage("localStorage");
const tabStorage = openedStorage("sessionStorage");

/// A storage of the browser, or, where the user forbids it, one that lasts as long as the page.
function openedStorage(name) {
  try {
    return window[name];
  } catch {
    const kept = new Map();
    return {
      get length() { return kept.size; },
      key: (index) => [...kept.keys()][index],
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
    };
  }
}

/// The browser refused to keep more.
export class StorageFull extends Error {}

/// A name that no other conversation or message has. (`crypto.randomUUID` is missing where a page came by plain HTTP.)
export function newID() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Conversation {
  constructor(settings = {}) {
    this.id = newID();
    this.title = "";
    this.updated = Date.now();
    this.settings = { ...settings };
    this.nodes = { [ROOT]: { id: ROOT, children: [], shown: 0 } };
  }

  /// The conversation that `text` holds, or null if it holds none that is whole.
  static parse(text) {
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      return null;
    }
    const nodes = value?.nodes;
    if (typeof value?.id !== "string" || typeof nodes !== "object" || !nodes?.[ROOT]) return null;
    for (const [id, node] of Object.entries(nodes)) {
      const isMessage = (node?.role === "user" || node?.role === "assistant") && typeof node.text === "string";
      if (node?.id !== id || !Array.isArray(node.children) || !(id === ROOT || isMessage)) return null;
      // A child lies below its parent and nowhere else, so the walk down the tree ends.
      if (node.children.some((child) => nodes[child]?.parent !== id)) return null;
    }
    const conversation = new Conversation(value.settings);
    const { id, title, updated } = value;
    return Object.assign(conversation, { id, title: String(title ?? ""), updated: Number(updated) || 0, nodes });
  }

  get isEmpty() {
    return this.nodes[ROOT].children.length === 0;
  }

  /// The messages that are shown, first to last.
  get path() {
    const path = [];
    for (let node = this.#shownChild(this.nodes[ROOT]); node; node = this.#shownChild(node)) path.push(node);
    return path;
  }

  /// Adds a message after `parent` (null: as the first one) and shows it instead of its siblings.
  add(parent, role, text) {
    const above = this.nodes[parent ?? ROOT];
    const node = { id: newID(), parent: above.id, role, text, children: [], shown: 0 };
    this.nodes[node.id] = node;
    above.shown = above.children.push(node.id) - 1;
    if (!this.title && role === "user") this.title = titleOf(text);
    return node;
  }

  /// The message before, or null.
  before(node) {
    return node.parent === ROOT ? null : this.nodes[node.parent];
  }

  /// Where a message stands among those that were said in its place: `{ index, count }`.
  placeOf(node) {
    const siblings = this.nodes[node.parent].children;
    return { index: siblings.indexOf(node.id), count: siblings.length };
  }

  /// Shows the sibling `step` places further.
  turn(node, step) {
    const above = this.nodes[node.parent];
    const { index, count } = this.placeOf(node);
    above.shown = Math.min(Math.max(index + step, 0), count - 1);
    return this.nodes[above.children[above.shown]];
  }

  /// Takes a message that has no answers away.
  remove(node) {
    const above = this.nodes[node.parent];
    above.children = above.children.filter((id) => id !== node.id);
    above.shown = Math.max(above.children.length - 1, 0);
    delete this.nodes[node.id];
  }

  #shownChild(node) {
    return this.nodes[node.children[Math.min(node.shown ?? 0, node.children.length - 1)]];
  }
}

/// The first words of a message.
function titleOf(text) {
  const line = text.trim().split("\n", 1)[0].replace(/\s+/g, " ");
  return line.length <= 60 ? line : `${line.slice(0, 60).replace(/\s\S*$/, "")}…`;
}

/// All conversations, newest first.
export function allConversations() {
  const found = [];
  for (let index = 0; index < storage.length; index++) {
    const key = storage.key(index);
    const conversation = key.startsWith(PREFIX) ? Conversation.parse(storage.getItem(key)) : null;
    if (conversation) found.push(conversation);
  }
  return found.sort((a, b) => b.updated - a.updated);
}

export function loadConversation(id) {
  return Conversation.parse(storage.getItem(PREFIX + id) ?? "null");
}

export function saveConversation(conversation) {
  write(PREFIX + conversation.id, JSON.stringify(conversation));
}

export function removeConversation(id) {
  storage.removeItem(PREFIX + id);
}

/// Whether a change that another tab reports is about conversations. (Clearing everything has no key.)
export function isAboutConversations(event) {
  return event.key === null || event.key.startsWith(PREFIX);
}

/// One value under `martlet.` that outlives the page, or null.
/// - isOfTab: whether it lasts as long as the tab only.
export function recall(name, isOfTab = false) {
  try {
    return JSON.parse((isOfTab ? tabStorage : storage).getItem(`martlet.${name}`));
  } catch {
    return null;
  }
}

export function remember(name, value, isOfTab = false) {
  const place = isOfTab ? tabStorage : storage;
  if (value === null) place.removeItem(`martlet.${name}`);
  else write(`martlet.${name}`, JSON.stringify(value), place);
}

function write(key, text, place = storage) {
  try {
    place.setItem(key, text);
  } catch {
    throw new StorageFull("The browser keeps no more: delete conversations that you no longer need.");
  }
}
