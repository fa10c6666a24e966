// The sheet with settings: those of the conversation, and those of this browser.

import { apiKey } from "./api.js";
import { icon } from "./icons.js";
import { element } from "./inline.js";
import { recall, remember } from "./store.js";

/// Sampling, with the ranges that the server accepts.
const NUMBERS = [
  { name: "temperature", label: "Temperature", hint: "0: always the likeliest", min: 0, max: 2, step: 0.1 },
  { name: "top_p", label: "Top-p", hint: "Share that may be drawn", min: 0.01, max: 1, step: 0.05 },
  { name: "top_k", label: "Top-k", hint: "So many may be drawn", min: 0, max: 1000000, step: 1, isWhole: true },
  { name: "min_p", label: "Min-p", hint: "Share of the likeliest", min: 0, max: 1, step: 0.05 },
  { name: "repetition_penalty", label: "Repetition penalty", hint: "1 is none", min: 0.1, max: 10, step: 0.05 },
  { name: "max_tokens", label: "Max tokens", hint: "Length of an answer", min: 1, max: 10000000, step: 1, isWhole: true },
  { name: "seed", label: "Seed", hint: "Same seed, same answer", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, isWhole: true },
];
const THEMES = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];

export class SettingsSheet {
  #fields = new Map();

  /// - onChange: called with a setting's name and value (null: the server's own) when it changed and may be used.
  /// - onDeleteAll: called when everything in this browser is to go.
  constructor(dialog, { onChange, onDeleteAll }) {
    this.dialog = dialog;
    this.onChange = onChange;
    const close = element("button", { type: "button", class: "icon", "aria-label": "Close the settings" }, icon("close"));
    close.addEventListener("click", () => dialog.close());
    // A press beside the sheet closes it.
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    const forget = element("button", { type: "button", id: "forget-key" }, "Forget the API key");
    forget.addEventListener("click", () => {
      apiKey.forget();
      forget.disabled = true;
    });
    const deleteAll = element("button", { type: "button", class: "danger", id: "delete-all" }, "Delete all conversations");
    deleteAll.addEventListener("click", onDeleteAll);
    this.forget = forget;
    dialog.append(
      element("div", { class: "sheet-head" }, element("h2", { id: "settings-title" }, "Settings"), close),
      section("This conversation", "A new conversation begins with the settings you used last.",
        this.#text("system", "System prompt", "What the model should know and how it should answer", "4"),
        element("div", { class: "grid" }, ...NUMBERS.map((field) => this.#number(field))),
        this.#text("stop", "Stop texts", "One a line; the answer ends before the first that comes", "2")),
      section("This browser", null, this.#themes(), element("div", { class: "row start" }, forget, deleteAll)));
  }

  /// Opens the sheet with a conversation's settings.
  open(settings) {
    for (const [name, { input, check }] of this.#fields) {
      input.value = settings[name] ?? "";
      check();
    }
    this.forget.disabled = apiKey.get() === null;
    this.dialog.showModal();
  }

  #text(name, label, hint, rows) {
    const input = element("textarea", { id: `setting-${name}`, rows, "aria-describedby": `hint-${name}` });
    input.addEventListener("input", () => this.onChange(name, input.value.trim() === "" ? null : input.value));
    this.#fields.set(name, { input, check: () => {} });
    return field(name, label, hint, input);
  }

  #number({ name, label, hint, min, max, step, isWhole }) {
    const input = element("input", {
      id: `setting-${name}`, type: "number", inputmode: isWhole ? "numeric" : "decimal", min, max, step: isWhole ? 1 : "any",
      placeholder: "default", "aria-describedby": `hint-${name}`, "data-step": step,
    });
    const made = field(name, label, hint, input);
    const range = max >= 1000000 ? `${isWhole ? "a whole number from" : "from"} ${min} on` : `from ${min} to ${max}`;
    const check = () => {
      const isGood = input.validity.valid;
      input.setAttribute("aria-invalid", String(!isGood));
      const line = made.querySelector(".field-hint");
      line.textContent = isGood ? hint : `Must be ${range}`;
      line.classList.toggle("wrong", !isGood);
      return isGood;
    };
    input.addEventListener("input", () => check() && this.onChange(name, input.value === "" ? null : Number(input.value)));
    // "any" lets people write 0.73, and would make the arrow keys step by 1.
    input.addEventListener("keydown", (event) => {
      if (isWhole || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      const next = Number(input.value) + (event.key === "ArrowUp" ? step : -step);
      input.value = String(Math.round(Math.min(Math.max(next, min), max) * 1000) / 1000);
      input.dispatchEvent(new Event("input"));
    });
    this.#fields.set(name, { input, check });
    return made;
  }

  #themes() {
    const chosen = recall("theme") ?? "system";
    const group = element("fieldset", { class: "choice" }, element("legend", {}, "Appearance"));
    for (const [value, label] of THEMES) {
      const input = element("input", { type: "radio", name: "theme", value, id: `theme-${value}` });
      input.checked = value === chosen;
      input.addEventListener("change", () => {
        remember("theme", value === "system" ? null : value);
        if (value === "system") delete document.documentElement.dataset.theme;
        else document.documentElement.dataset.theme = value;
      });
      group.append(element("label", { for: input.id }, input, element("span", {}, label)));
    }
    return group;
  }
}

function section(title, hint, ...children) {
  const heading = element("h3", {}, title);
  return element("section", {}, heading, ...(hint ? [element("p", { class: "field-hint" }, hint)] : []), ...children);
}

function field(name, label, hint, input) {
  const line = element("p", { class: "field-hint", id: `hint-${name}` }, hint);
  return element("div", { class: "field" }, element("label", { for: input.id }, label), input, line);
}
