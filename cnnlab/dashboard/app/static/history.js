// One press of Back undoes one thing that a person did. Streamlit adds an entry to the browser's history for each address that a page writes:
// also where a page that was just opened completes its address, and where one that is about to be left already has the next page's.
{
  const ACTS = ["pointerdown", "keydown", "click"];
  const push = history.pushState.bind(history);
  let acted = false; // a person did something since this page was opened
  let wrote = false; // this page has changed its own address since anybody followed a link

  for (const act of ACTS) addEventListener(act, ({ target }) => ([acted, wrote] = [true, wrote && !target.closest?.("a[href]")]), true);
  addEventListener("popstate", () => ([acted, wrote] = [false, false]), true);

  history.pushState = (state, unused, url) => {
    const to = new URL(url ?? location.href, location.href);
    const stays = to.pathname === location.pathname;
    const leaves = !stays && wrote && to.search === location.search;
    if (leaves || (stays && !acted)) history.replaceState(state, unused, url);
    else push(state, unused, url);
    [acted, wrote] = stays ? [acted, true] : [false, false];
  };
}
