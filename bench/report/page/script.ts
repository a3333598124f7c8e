/**
 * What the page does by itself: sorting its tables. Clicks are taken where they arrive, so it goes on working
 * when a live view replaces what is inside the page. Without it the page says the same.
 */
export const pageScript = `(() => {
  const numberIn = (text) => {
    const found = /[-\\u2212+]?\\d[\\d,]*(?:\\.\\d+)?/.exec(text);
    return found === null ? null : Number(found[0].replaceAll(',', '').replace('\\u2212', '-'));
  };
  const keyOf = (row, column, numeric) => {
    const text = row.cells[column]?.textContent.trim() ?? '';
    return numeric ? numberIn(text) : text;
  };
  const compare = (a, b) => typeof a === 'number' ? a - b : a.localeCompare(b, 'en', { numeric: true });
  document.addEventListener('click', (event) => {
    const head = event.target.closest?.('th button')?.closest('th');
    if (!head) return;
    const table = head.closest('table');
    const column = head.cellIndex;
    const numeric = head.classList.contains('number');
    const order = head.getAttribute('aria-sort');
    const ascending = order === null ? !numeric : order === 'descending';
    for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: keyOf(row, column, numeric) }));
    rows.sort((a, b) => {
      // What has no value comes last, whichever way it is sorted.
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return ascending ? compare(a.key, b.key) : compare(b.key, a.key);
    });
    table.tBodies[0].append(...rows.map(({ row }) => row));
  });
  document.addEventListener('click', (event) => {
    if (!event.target.closest?.('.save')) return;
    const text = document.getElementById('result').textContent;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(JSON.parse(text), null, 2) + '\\n'], { type: 'application/json' }));
    link.download = 'result.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();`;
