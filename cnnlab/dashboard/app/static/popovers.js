// Streamlit draws what a popover holds at the end of the page. Who opens one by a key is taken into it, and Escape leads back to its button:
// with Tab alone the way there went through the rest of the page.
{
  const BUTTON = '[data-testid="stPopoverButton"]';
  const STOP = '[data-testid="stPopoverBody"] :is(a[href], button, input, select, textarea, summary, [tabindex="0"]):not(:disabled)';
  const PATIENCE_MS = 2000;
  let opener = null;

  const enter = (button, until) => {
    const coming = document.querySelector('[data-testid="stPopoverBody"] [data-testid="stSkeleton"]');
    const first = coming ? null : document.querySelector(STOP);
    if (document.activeElement !== button) return; // the reader has gone on
    if (first) first.focus();
    else if (performance.now() < until) requestAnimationFrame(() => enter(button, until));
  };

  document.addEventListener("keyup", ({ key, target }) => {
    const button = target.closest?.(BUTTON);
    if (!button || (key !== "Enter" && key !== " ")) return;
    opener = button;
    requestAnimationFrame(() => enter(button, performance.now() + PATIENCE_MS));
  });
  document.addEventListener(
    "keydown",
    ({ key, target }) => {
      if (key === "Escape" && target.closest?.('[data-testid="stPopoverBody"]')) requestAnimationFrame(() => opener?.focus());
    },
    true,
  );
}
