// The list of conversations. Beside the messages on a wide window, over them on a narrow one.

import { icon } from "./icons.js";
import { element } from "./inline.js";

const DAY = 86_400_000;

export class Sidebar {
  /// - onOpen, onDelete: called with a conversation's name.
  constructor({ onOpen, onDelete }) {
    this.nav = document.getElementById("sidebar");
    this.list = document.getElementById("conversations");
    this.opener = document.getElementById("open-sidebar");
    this.narrow = matchMedia("(max-width: 52rem)");
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("li[data-id]");
      if (!row) return;
      if (event.target.closest("button.delete")) onDelete(row.dataset.id);
      else if (event.target.closest("button")) {
        this.close();
        onOpen(row.dataset.id);
      }
    });
    this.opener.addEventListener("click", () => this.#set(true));
    document.getElementById("close-sidebar").addEventListener("click", () => this.close());
    document.getElementById("scrim").addEventListener("click", () => this.close());
    this.nav.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.isOver) return;
      event.stopPropagation();
      this.close();
    });
    this.narrow.addEventListener("change", () => this.#set(false));
    this.#set(false);
  }

  /// Whether it lies over the messages.
  get isOver() {
    return this.nav.classList.contains("open");
  }

  close() {
    if (this.isOver) this.#set(false);
  }

  show(conversations, current, running) {
    const focused = document.activeElement?.closest?.("#conversations li")?.dataset.id;
    const rows = [];
    let heading = null;
    for (const { id, title, updated } of conversations) {
      const age = ageOf(updated);
      if (age !== heading) rows.push(element("li", { class: "age" }, age));
      heading = age;
      const name = title || "New conversation";
      const open = element("button", { type: "button", class: "open", ...(id === current && { "aria-current": "page" }) }, name);
      if (running.has(id)) open.append(element("span", { class: "dot" }, element("span", { class: "unseen" }, " (being answered)")));
      const bin = element("button", { type: "button", class: "quiet delete", "aria-label": `Delete “${name}”`, title: "Delete" }, icon("bin"));
      rows.push(element("li", { "data-id": id }, open, bin));
    }
    this.list.replaceChildren(...rows);
    if (focused) (this.list.querySelector(`li[data-id="${CSS.escape(focused)}"] .open`) ?? document.getElementById("new-conversation")).focus();
  }

  #set(isOpen) {
    const isNarrow = this.narrow.matches;
    const wasOver = this.isOver;
    this.nav.classList.toggle("open", isOpen);
    document.getElementById("scrim").classList.toggle("open", isOpen);
    document.getElementById("room").inert = isOpen;
    this.nav.inert = isNarrow && !isOpen;
    this.opener.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) document.getElementById("new-conversation").focus();
    else if (wasOver && isNarrow) this.opener.focus();
  }
}

function ageOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return "Today";
  if (time >= midnight - DAY) return "Yesterday";
  if (time >= midnight - 7 * DAY) return "Last seven days";
  return "Earlier";
}
