// What stands in the way of people who hear, zoom or type instead of seeing and pointing: a list of sentences.
(() => {
  const found = [];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest("[inert], .unseen, .skip");
  const describe = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}.${element.className?.baseVal ?? element.className} “${element.textContent.trim().slice(0, 30)}”`;

  // Contrast, WCAG 2.2 section 1.4.3: 4.5 to 1, or 3 to 1 from 24 pixels on (18.66 where bold).
  const channels = (color) => {
    const numbers = color.match(/[\d.]+/g).map(Number);
    return color.startsWith("rgb") ? [...numbers, 1].slice(0, 4) : [0, 0, 0, 0];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, index) => value * a + under[index] * (1 - a)).concat(1);
  const backgroundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.push(channels(getComputedStyle(at).backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255, 1]);
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((value) => value / 255).map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === "" || !isShown(element) || element.closest(":disabled, option")) continue;
    texts++;
    const style = getComputedStyle(element);
    const background = backgroundOf(element);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const is = ratio(over(channels(style.color), background), background);
    if (is < needed) found.push(`contrast ${is.toFixed(2)} of ${describe(element)}`);
  }
  if (texts === 0) found.push("no text was looked at");
  // Fields need an edge of 3 to 1 (section 1.4.11), and their placeholders are text.
  for (const field of document.querySelectorAll("input:not([type=checkbox], [type=radio]), textarea, select")) {
    if (!isShown(field)) continue;
    const edged = field.closest(".composer") ?? field;
    const edge = ratio(channels(getComputedStyle(edged).borderTopColor), backgroundOf(edged.parentElement));
    if (edge < 3) found.push(`the edge of ${describe(field)} has contrast ${edge.toFixed(2)}`);
    const placeholder = ratio(channels(getComputedStyle(field, "::placeholder").color), backgroundOf(field));
    if (field.placeholder && placeholder < 4.5) found.push(`the placeholder of ${describe(field)} has contrast ${placeholder.toFixed(2)}`);
  }

  // Sizes to hit, section 2.5.8: 24 pixels each way.
  for (const target of document.querySelectorAll("button, select, input, .choice label")) {
    const box = (target.closest("label") ?? target).getBoundingClientRect();
    if (isShown(target) && !target.closest(".task") && (box.width < 24 || box.height < 24)) found.push(`${describe(target)} is ${box.width} by ${box.height}`);
  }

  // Names that refer to each other, one main heading, headings without gaps.
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`the id ${id} is there twice`);
  for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) found.push(`${attribute} names ${id}, which is not there`);
    }
  }
  if (document.querySelectorAll("h1").length !== 1) found.push("there is not one main heading");
  if (document.documentElement.lang === "") found.push("the language is not said");
  for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) found.push(`${describe(element)} changes the order of focus`);
  for (const element of document.querySelectorAll("[aria-hidden=true]")) if (element.querySelector("button, a, input")) found.push(`${describe(element)} hides what can be focused`);
  for (const list of document.querySelectorAll("ul, ol")) for (const child of list.children) if (child.tagName !== "LI") found.push(`${describe(child)} is no item of its list`);
  return found;
})()
