// Figures that were counted again take the place of those on the page, without taking the reader's place away.
const STOPS = 'a, button, summary, [tabindex]';

const look = async () => {
  const old = document.getElementById('figures');
  const again = Number(old?.dataset.follow);
  if (!again) return;
  if (!document.hidden) await replace(old).catch(() => {});
  setTimeout(look, again * 1000);
};

const replace = async (old) => {
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return;
  const now = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('figures');
  if (!now || (now.dataset.counted === old.dataset.counted && now.dataset.follow === old.dataset.follow)) return;
  const unfolded = [...old.querySelectorAll('details')].map((one) => one.open);
  now.querySelectorAll('details').forEach((one, at) => { one.open = Boolean(unfolded[at]); });
  const stop = [...old.querySelectorAll(STOPS)].indexOf(document.activeElement);
  old.replaceWith(now);
  if (stop >= 0) now.querySelectorAll(STOPS)[stop]?.focus({ preventScroll: true });
};

setTimeout(look, 5000);
