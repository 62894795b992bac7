// A run as it goes: the server sends the moving part of the page anew whenever it changed.
const place = document.querySelector('[data-live]');
if (place) {
  const said = document.querySelector('[data-said]');
  const links = document.querySelectorAll('[data-refresh]');
  const offer = (wanted) => { for (const link of links) link.hidden = !wanted; };
  const show = (event) => { place.innerHTML = event.data; };
  let source = null;
  let over = false;
  const leave = () => {
    source?.close();
    source = null;
  };
  const watch = () => {
    if (source || over) return;
    source = new EventSource(place.dataset.live);
    offer(false);
    source.addEventListener('progress', show);
    source.addEventListener('over', (event) => {
      show(event);
      over = true;
      leave();
      if (said) said.textContent = said.dataset.over;
    });
    // The browser tries again by itself, unless it was turned away: signed out, or no longer allowed.
    source.addEventListener('error', () => {
      if (source?.readyState === EventSource.CLOSED) {
        leave();
        offer(true);
      }
    });
  };
  // A browser has few connections to one server: only the page that somebody looks at holds one.
  document.addEventListener('visibilitychange', () => (document.hidden ? leave() : watch()));
  if (!document.hidden) watch();
}
