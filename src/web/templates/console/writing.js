// What people will get, while somebody types. Without this the button "Preview" does the same.
const form = document.querySelector('form[data-preview]');
const target = document.getElementById('preview');
const PAUSE = 400;
const AGAIN = 1500;
let timer;
let asking;

const show = async () => {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  try {
    const answer = await fetch(form.dataset.preview, { method: 'POST', body: new URLSearchParams(new FormData(form)), signal });
    if (!answer.ok) return;
    const html = await answer.text();
    if (signal.aborted || html === target.dataset.last) return;
    target.dataset.last = html;
    target.innerHTML = html;
    if (target.querySelector('[data-again]')) soon(AGAIN);
  } catch (error) {
    if (error.name !== 'AbortError') console.warn(error);
  }
};
const soon = (pause = PAUSE) => { clearTimeout(timer); timer = setTimeout(show, pause); };

if (form && target) {
  form.addEventListener('input', () => soon());
  form.addEventListener('focusin', (event) => {
    const message = event.target.closest('[data-message]')?.dataset.message;
    const look = form.elements['look-at'];
    if (message && look && look.value !== message) { look.value = message; soon(); }
  });
  if (target.querySelector('[data-again]')) soon(AGAIN);

  // Of a cadence's fields only those of its rule.
  const every = form.elements['cadence.every'];
  const fit = () => form.querySelectorAll('[data-for]').forEach((part) => {
    part.hidden = !part.dataset.for.split(' ').includes(every.value) && !part.querySelector('.error');
  });
  if (every) { every.addEventListener('change', fit); fit(); }
}
