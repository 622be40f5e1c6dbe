// The home page swaps its figures every few seconds; its charts take their new data from them.
document.addEventListener("htmx:afterSettle", () => {
  const live = document.getElementById("live");
  if (!live) return;
  const series = [live.dataset.orders, live.dataset.trades];
  document.querySelectorAll("#home canvas.chart").forEach((canvas, n) => {
    const chart = window.Chart && window.Chart.getChart(canvas);
    if (!chart || !series[n]) return;
    const fresh = JSON.parse(series[n]);
    chart.data.labels = fresh.labels;
    chart.data.datasets[0].data = fresh.datasets[0].data;
    chart.update("none");
  });
});

// A page about something under way looks again until it is over.
document.querySelectorAll("[data-reload-seconds]").forEach((element) => {
  setTimeout(() => window.location.reload(), 1000 * Number(element.dataset.reloadSeconds));
});
