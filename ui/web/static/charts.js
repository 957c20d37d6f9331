// Two charts of the collection, drawn with Plotly: articles over time, and by topic. Plotly reads a little markup in
// texts that it is given, so those of strangers are escaped, or shown without it.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const main = $("main.charts");
  const page = document.documentElement;
  const right = page.dir === "rtl";
  const config = { displayModeBar: false, responsive: true, doubleClick: false };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let shown = null;

  // A colour of the style sheet, as the browser has computed it.
  const colour = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.className = `colour ${name}`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const layout = (more) => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(main).fontFamily, size: 14, color: colour("quiet") },
    showlegend: false,
    ...more,
  });

  const drawTime = ({ periods, labels, counts }) => {
    const where = $("#time");
    if (!where) return;
    const bars = counts
      .filter(({ values }) => values.some(Boolean))
      .map(({ name, values }, at) => ({
        type: "bar", name, x: labels, y: values, marker: { color: colour(at ? "second" : "first") },
        hovertemplate: "%{x}: %{y} (%{fullData.name})<extra></extra>",
      }));
    const axis = { color: colour("quiet"), gridcolor: colour("line"), fixedrange: true };
    Plotly.react(where, bars, layout({
      barmode: "stack", height: 260, margin: { l: 40, r: 40, t: 10, b: 60 }, dragmode: false, showlegend: bars.length > 1,
      legend: { orientation: "h", y: 1.15, x: right ? 1 : 0, xanchor: right ? "right" : "left", itemclick: false, itemdoubleclick: false },
      // Time goes in the direction of reading.
      xaxis: { ...axis, showgrid: false, type: "category", autorange: right ? "reversed" : true, nticks: 12 },
      yaxis: { ...axis, side: right ? "right" : "left", rangemode: "tozero", tickformat: "d", nticks: 5 },
    }), config);
    where.removeAllListeners("plotly_click");
    where.on("plotly_click", ({ points }) => {
      const period = periods[labels.indexOf(points[0].x)];
      location.assign(`/articles?since=${period}&until=${period}`);
    });
  };

  const tell = (place, event) => {
    const card = $("#card");
    const title = document.createElement("b");
    title.lang = place.language;
    title.dir = place.language === "ar" ? "rtl" : "ltr";
    title.textContent = place.title;
    const origin = document.createElement("span");
    origin.textContent = place.where.join(" · ");
    card.replaceChildren(title, origin);
    card.hidden = false;
    const frame = card.parentElement.getBoundingClientRect();
    const left = Math.min(Math.max(0, event.clientX - frame.left + 12), frame.width - card.offsetWidth);
    card.style.left = `${left}px`;
    const below = event.clientY - frame.top + 14;
    card.style.top = `${below + card.offsetHeight > frame.height ? below - card.offsetHeight - 28 : below}px`;
  };

  // As if its title had been clicked: `article.js` opens it.
  const read = (place) => {
    const link = document.createElement("a");
    link.className = "open";
    link.dataset.article = place.id;
    link.hidden = true;
    main.append(link);
    link.click();
    link.remove();
  };

  const drawMap = ({ places, subjects, sample }) => {
    const where = $("#map");
    if (!where.data) where.replaceChildren();
    $("#sample").textContent = sample;
    const hues = Array.from({ length: 7 }, (_, at) => colour(`hue-${at}`));
    const dots = {
      type: "scatter", mode: "markers", x: places.map((one) => one.x), y: places.map((one) => one.y), hoverinfo: "none",
      marker: {
        size: places.length > 600 ? 7 : 12, line: { width: 1, color: colour("paper") }, opacity: 0.9,
        color: places.map((one) => hues[one.subject % hues.length]),
        symbol: places.map((one) => (one.subject < hues.length ? "circle" : "diamond")),
      },
    };
    // On a narrow map a name that stands near the edge grows away from it.
    const narrow = where.offsetWidth < 600;
    const anchor = (x) => (!narrow || Math.abs(x) < 0.35 ? "center" : x < 0 ? "left" : "right");
    const names = subjects.map((one, number) => ({
      xanchor: anchor(one.x), x: narrow && Math.abs(one.x) >= 0.35 ? Math.sign(one.x) * 1.15 : one.x, y: one.y, text: escaped(one.name), showarrow: false, captureevents: true, bgcolor: colour("veil"), borderpad: 2, yanchor: "bottom", yshift: 9,
      font: { color: colour("ink"), size: narrow ? 13 : 15 },
    }));
    const axis = { visible: false, fixedrange: false, range: [-1.2, 1.2] };
    Plotly.react(where, [dots], layout({
      height: Math.min(560, Math.max(340, where.offsetWidth * 0.7)), margin: { l: 0, r: 0, t: 0, b: 0 }, hovermode: "closest",
      dragmode: false, xaxis: { ...axis }, yaxis: { ...axis }, annotations: names,
    }), config);
    for (const event of ["plotly_hover", "plotly_unhover", "plotly_click", "plotly_clickannotation"]) where.removeAllListeners(event);
    where.on("plotly_hover", ({ points, event }) => tell(places[points[0].pointIndex], event));
    where.on("plotly_unhover", () => ($("#card").hidden = true));
    where.on("plotly_click", ({ points }) => read(places[points[0].pointIndex]));
    where.on("plotly_clickannotation", ({ index }) => {
      const subject = $(`#topic-${index}`);
      subject.scrollIntoView({ block: "start" });
      subject.focus({ preventScroll: true });
    });
  };

  const zoom = (factor) => {
    const where = $("#map");
    if (!where.data) return;
    const { xaxis, yaxis } = where.layout;
    const around = ([from, to]) => {
      const middle = (from + to) / 2;
      const half = Math.min(1.2, ((to - from) / 2) * factor);
      return half >= 1.2 ? [-1.2, 1.2] : [middle - half, middle + half];
    };
    const x = around(xaxis.range);
    Plotly.relayout(where, { "xaxis.range": x, "yaxis.range": around(yaxis.range), dragmode: x[1] - x[0] < 2.4 ? "pan" : false });
  };

  const draw = () => {
    if (shown.time.periods.length) drawTime(shown.time);
    if (shown.map) drawMap(shown.map);
  };

  const show = async () => {
    const response = await fetch(`/page/collections/${main.dataset.collection}/charts?in=${page.lang}`).catch(() => null);
    if (response && response.ok) {
      const first = !shown;
      shown = await response.json();
      if (first || shown.map) draw();
      if (shown.subjects) $("#topics").innerHTML = shown.subjects;
    }
    if (!shown || !shown.map) setTimeout(show, 1500);
  };

  if (!$("#map")) return;
  $("#zoom-in").addEventListener("click", () => zoom(0.6));
  $("#zoom-out").addEventListener("click", () => zoom(1 / 0.6));
  dark.addEventListener("change", () => shown && draw());
  document.fonts.ready.then(show);
})();
