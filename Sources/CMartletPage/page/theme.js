// Runs before anything is drawn, so that a chosen appearance does not flash the other one first.
try {
  const theme = JSON.parse(localStorage.getItem("martlet.theme"));
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without a choice that can be read, the system's appearance holds.
}
