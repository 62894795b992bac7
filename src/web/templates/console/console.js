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

// On a phone a table is read row by row, each cell with the name of its column: `.stack` in the style sheet. A table of figures stays
// one, and scrolls, as every table does without script.
for (const table of document.querySelectorAll('main .scroll table:not(.stack, .calendar, .difference, .paper *)')) {
  const heads = [...table.querySelectorAll('thead th')];
  const figures = heads.filter((head) => head.classList.contains('n')).length;
  if (heads.length < 3 || 2 * figures >= heads.length || table.querySelector('[colspan], [rowspan]')) continue;
  table.classList.add('stack');
  const roles = [['thead, tbody', 'rowgroup'], ['tr', 'row'], ['thead th', 'columnheader'], ['tbody th', 'rowheader'], ['td', 'cell']];
  table.setAttribute('role', 'table');
  for (const [which, role] of roles) for (const part of table.querySelectorAll(which)) part.setAttribute('role', role);
  for (const row of table.tBodies[0]?.rows ?? []) {
    [...row.cells].forEach((cell, at) => { if (cell.tagName === 'TD' && !cell.dataset.label) cell.dataset.label = heads[at]?.textContent.trim() ?? ''; });
  }
}

// What scrolls by itself can be scrolled with the keyboard, and says what it is.
for (const box of document.querySelectorAll('.scroll:not([tabindex]), main pre:not([tabindex]), .paper:not([tabindex])')) {
  box.tabIndex = 0;
  const title = box.querySelector('caption')?.textContent.trim() || box.querySelector('h2, h3')?.textContent.trim();
  if (title && !box.hasAttribute('role') && box.tagName === 'DIV') { box.setAttribute('role', 'group'); box.setAttribute('aria-label', title); }
}

// A page that waits for the server looks again, unless somebody is writing on it. Without script there is a link: a page
// that loads again by itself would take away what somebody writes (WCAG 2.2, 2.2.1).
const again = document.querySelector('meta[name="loa-again"]');
if (again) {
  const written = () => [...document.querySelectorAll('main input:not([type="hidden"]), main textarea')].some((field) => field.value !== field.defaultValue);
  setInterval(() => { if (!written() && !document.activeElement?.closest('main form')) location.reload(); }, again.content * 1000);
}
