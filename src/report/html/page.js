'use strict';
// Values under the pointer or the arrow keys, in the legend of each chart.
for (const figure of document.querySelectorAll('figure.chart')) {
  const svg = figure.querySelector('svg');
  const places = svg.dataset.grid.split('|').map(Number);
  const names = svg.dataset.names.split('|');
  const series = [...figure.querySelectorAll('[data-series]')].map(line => line.dataset.values.split('|'));
  const shown = [...figure.querySelectorAll('.legend b')];
  const where = figure.querySelector('.legend .at');
  const cursor = figure.querySelector('.cursor');
  const left = Number(svg.dataset.left);
  const inner = svg.viewBox.baseVal.width - left - Number(svg.dataset.right);
  let current = -1;
  const show = index => {
    current = index;
    const x = index < 0 ? -9 : left + places[index] * inner;
    cursor.setAttribute('x1', x);
    cursor.setAttribute('x2', x);
    where.textContent = index < 0 ? '' : names[index];
    shown.forEach((slot, i) => { slot.textContent = index < 0 ? '' : series[i][index] || '-'; });
  };
  const nearest = at => {
    let best = 0;
    places.forEach((place, i) => { if (Math.abs(place - at) < Math.abs(places[best] - at)) best = i; });
    return best;
  };
  const point = event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    show(nearest((x - left) / inner));
  };
  svg.addEventListener('pointermove', point);
  svg.addEventListener('pointerdown', point);
  svg.addEventListener('pointerleave', () => show(-1));
  svg.addEventListener('blur', () => show(-1));
  svg.addEventListener('keydown', event => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -places.length, End: places.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(Math.max(0, Math.min(places.length - 1, (current < 0 && step > 0 && step < places.length ? -1 : current) + step)));
  });
}
// Tables that sort by a column.
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.className = 'sort';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const key = row => row.cells[column].textContent;
      const number = text => /^[-\d]/.test(text) ? Number(text.replace(/,/g, '')) : NaN;
      const rows = [...table.tBodies[0].rows].sort((a, b) => {
        const [x, y] = [number(key(a)), number(key(b))];
        return Number.isNaN(x) || Number.isNaN(y) ? key(a).localeCompare(key(b), 'en', { numeric: true }) : x - y;
      });
      if (down) rows.reverse();
      table.tBodies[0].append(...rows);
    });
  });
}
// A printed page shows everything.
addEventListener('beforeprint', () => { for (const closed of document.querySelectorAll('details')) closed.open = true; });
