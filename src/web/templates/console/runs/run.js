// A run as it goes: the server sends the moving part of the page anew whenever it changed.
const place = document.querySelector('[data-live]');
if (place) {
  const source = new EventSource(place.dataset.live);
  const said = document.querySelector('[data-said]');
  const show = (event) => { place.innerHTML = event.data; };
  source.addEventListener('progress', show);
  source.addEventListener('over', (event) => {
    show(event);
    source.close();
    if (said) said.textContent = said.dataset.over;
  });
  const links = document.querySelectorAll('[data-refresh]');
  for (const link of links) link.hidden = true;
  // The browser tries again by itself, unless it was turned away: signed out, or no longer allowed.
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) for (const link of links) link.hidden = false;
  });
}
