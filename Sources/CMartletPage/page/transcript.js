// The messages on the page: draws a conversation's shown path and says which button of which message was pressed.

import { icon } from "./icons.js";
import { element } from "./inline.js";
import { MarkdownView } from "./markdown.js";

const NOTES = {
  length: "Ended at the limit of tokens.",
  stopped: "Stopped.",
};

export class Transcript {
  #list;
  #act;
  #views = new Map();
  #slow = 0;
  #waiting = null;

  /// - act: called with a button's action, the message's name and, of `save`, the new text.
  constructor(list, act) {
    this.#list = list;
    this.#act = act;
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-action]");
      if (button) act(button.dataset.action, button.closest("li.message").dataset.id);
      const copy = event.target.closest("button.copy-code");
      if (copy) copyText(copy, copy.closest(".code").querySelector("pre").textContent);
    });
  }

  /// Draws everything anew.
  /// - running: the message that is being written, or null.
  show(conversation, running) {
    const focus = this.#focused();
    clearTimeout(this.#waiting);
    this.#waiting = null;
    this.#views.clear();
    const path = conversation.path;
    const rows = path.map((node, index) =>
      this.#row(conversation, node, { isLast: index === path.length - 1, isRunning: node === running, isBusy: running !== null }));
    this.#list.replaceChildren(...rows);
    if (focus) this.focus(focus.id, focus.action);
  }

  /// Puts the keyboard's focus on a message's button, or on the message where it has no such button.
  focus(id, action) {
    const row = this.#rowOf(id);
    const button = row?.querySelector(`button[data-action="${action}"]:not([disabled])`);
    (button ?? row?.querySelector("button[data-action]:not([disabled])"))?.focus();
  }

  /// Shows that a message has grown: at once, or a little later where drawing takes long.
  /// - drawn: called after that with the number of blocks that will not change any more.
  grow(node, drawn) {
    if (this.#waiting !== null) return;
    this.#waiting = setTimeout(() => {
      this.#waiting = null;
      const view = this.#views.get(node.id);
      if (!view) return;
      const began = performance.now();
      const whole = view.update(node.text);
      this.#slow = performance.now() - began;
      drawn(view.container, whole);
    }, Math.max(30, this.#slow * 4));
  }

  /// Puts a field in the place of a message's text.
  edit(node) {
    const row = this.#rowOf(node.id);
    const field = element("textarea", { "aria-label": node.role === "user" ? "Edit your message" : "Edit the answer", name: "text", rows: "3" });
    field.value = node.text;
    const save = element("button", { type: "button", class: "primary" }, node.role === "user" ? "Send" : "Save");
    const cancel = element("button", { type: "button" }, "Cancel");
    const finish = () => field.value.trim() !== "" && this.#act("save", node.id, field.value);
    save.addEventListener("click", finish);
    cancel.addEventListener("click", () => this.#act("cancel", node.id));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#act("cancel", node.id);
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) finish();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    row.classList.add("editing");
    row.querySelector(".body").replaceChildren(field, element("div", { class: "row" }, cancel, save));
    row.querySelector(".foot").remove();
    field.focus();
  }

  /// Tells by the button itself that its text was copied.
  copied(node) {
    copyText(this.#rowOf(node.id).querySelector('button[data-action="copy"]'), node.text);
  }

  #rowOf(id) {
    return this.#list.querySelector(`li.message[data-id="${CSS.escape(id)}"]`);
  }

  #focused() {
    const button = document.activeElement?.closest?.("li.message button[data-action]");
    return button ? { id: button.closest("li.message").dataset.id, action: button.dataset.action } : null;
  }

  #row(conversation, node, { isLast, isRunning, isBusy }) {
    const row = element("li", { class: `message ${node.role}`, "data-id": node.id });
    row.classList.toggle("running", isRunning);
    row.classList.toggle("last", isLast);
    const body = element("div", { class: "body", dir: "auto" });
    row.append(element("h2", { class: "unseen" }, node.role === "user" ? "You" : "Answer"), body);
    if (node.role === "user") {
      body.textContent = node.text;
    } else {
      const view = new MarkdownView(body);
      view.update(node.text);
      this.#views.set(node.id, view);
    }
    if (isRunning) {
      row.setAttribute("aria-busy", "true");
      if (node.text === "") row.append(element("p", { class: "thinking" }, "Reading the conversation"));
      return row;
    }
    if (node.error) row.append(element("p", { class: "failure" }, node.error));
    row.append(this.#foot(conversation, node, { isLast, isBusy }));
    return row;
  }

  #foot(conversation, node, { isLast, isBusy }) {
    const isAnswer = node.role === "assistant";
    const { index, count } = conversation.placeOf(node);
    const foot = element("div", { class: "foot", role: "group", "aria-label": isAnswer ? "Answer" : "Your message" });
    const button = (action, name, label, isOff = false) => {
      const made = element("button", { type: "button", class: "quiet", "data-action": action, "aria-label": label, title: label, ...(isOff && { disabled: "" }) }, icon(name));
      foot.append(made);
    };
    if (count > 1) {
      button("previous", "previous", "Previous version", index === 0 || isBusy);
      foot.append(element("span", { class: "version" }, element("span", { class: "unseen" }, "Version "), `${index + 1} / ${count}`));
      button("next", "next", "Next version", index === count - 1 || isBusy);
    }
    if (node.text !== "") button("copy", "copy", "Copy");
    button("edit", "edit", "Edit", isBusy);
    if (isAnswer) button("again", "again", node.error ? "Try again" : "Answer anew", isBusy);
    const isCut = node.finish === "length" || node.finish === "stopped";
    if (isAnswer && isLast && isCut && node.text !== "") button("continue", "on", "Continue this answer", isBusy);
    const notes = [NOTES[node.finish], isAnswer ? statistics(node.stats) : null].filter(Boolean).join(" ");
    if (notes) foot.append(element("span", { class: "stats", title: details(node) }, notes));
    return foot;
  }
}

/// "128 tokens, 41.3 per second"
export function statistics(stats) {
  if (!stats?.tokens) return null;
  const about = stats.isCounted ? "" : "about ";
  const count = `${about}${stats.tokens} ${stats.tokens === 1 ? "token" : "tokens"}`;
  return stats.speed ? `${count}, ${decimal(stats.speed)} per second` : count;
}

export function decimal(number) {
  return number >= 100 ? number.toFixed(0) : number.toFixed(1);
}

function details({ stats, model }) {
  const lines = [];
  if (model) lines.push(model);
  if (Number.isFinite(stats?.firstSeconds)) lines.push(`First token after ${stats.firstSeconds.toFixed(2)} s`);
  if (stats?.promptTokens) lines.push(`${stats.promptTokens} tokens read, ${stats.cachedTokens ?? 0} of them from the cache`);
  return lines.join("\n");
}

/// Copies, and shows on the button whether that went well.
async function copyText(button, text) {
  let isDone = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain HTTP there is no clipboard but the old way.
    const field = element("textarea", { class: "unseen", name: "copy" });
    field.value = text;
    document.body.append(field);
    field.select();
    isDone = document.execCommand("copy");
    field.remove();
    button.focus();
  }
  const drawing = button.querySelector("svg");
  drawing.replaceWith(icon(isDone ? "check" : "close"));
  document.getElementById("status").textContent = isDone ? "Copied" : "The browser does not let the page copy.";
  setTimeout(() => button.querySelector("svg")?.replaceWith(drawing), 1600);
}
