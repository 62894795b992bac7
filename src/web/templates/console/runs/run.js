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
  for (const link of document.querySelectorAll('[data-refresh]')) link.hidden = true;
}
