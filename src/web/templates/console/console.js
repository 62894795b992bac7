// What every page of the console is a little better with. Nothing depends on it.

// A form that was refused: its list of mistakes is where the reader is.
document.querySelector('[data-focus]')?.focus();

// The sections stand open where there is room beside the page.
const wide = matchMedia('(min-width: 60rem)');
const menu = document.querySelector('.side details');
const fit = () => { if (menu) menu.open = wide.matches; };
wide.addEventListener('change', fit);
fit();

// A button that was pressed is not pressed again while the answer is on its way.
addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = 'yes';
  setTimeout(() => { delete form.dataset.sent; }, 4000);
});
