/**
 * Keeps a live page up to date. The browser makes a lost connection again by itself and says what it had
 * last, so nothing is missed and nothing comes twice.
 */
export const liveScript = `(() => {
  const banner = document.getElementById('live');
  const source = new EventSource('/events?have=' + banner.dataset.version);
  source.addEventListener('page', (event) => {
    const { title, body } = JSON.parse(event.data);
    document.title = title;
    document.getElementById('page').innerHTML = body;
  });
  source.addEventListener('status', (event) => {
    banner.className = '';
    banner.textContent = JSON.parse(event.data);
  });
  source.addEventListener('over', (event) => {
    source.close();
    banner.className = 'over';
    banner.textContent = JSON.parse(event.data);
  });
  source.addEventListener('error', () => {
    banner.className = 'lost';
    banner.textContent = 'the connection is lost; trying again';
  });
})();`;
