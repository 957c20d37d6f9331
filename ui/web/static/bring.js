// Articles brought to the page: dropped or chosen, sent one by one, and then looked after until they are read.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const json = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
  let job = null;
  let stopped = false;

  const address = (rest) => `/page/collections/${$(".collection").dataset.collection}/bring${rest}`;
  const tell = (html) => ($("#brought").innerHTML = html);
  const say = (text) => {
    const line = document.createElement("p");
    // A path keeps its order in a sentence of either direction.
    for (const part of text.split(/((?<!\S)\/\S+)/)) {
      const piece = document.createElement(part.startsWith("/") ? "bdi" : "span");
      piece.textContent = part;
      line.append(piece);
    }
    $("#brought").replaceChildren(line);
  };

  const progress = async () => {
    const response = await fetch(address(`/${job}?in=${document.documentElement.lang}`)).catch(() => null);
    if (!response || !response.ok) return "failed";
    tell(await response.text());
    return $("#brought [data-state]").dataset.state;
  };

  // A folder that was dropped is read by hand: browsers give its files one by one.
  const within = async (entry, path) => {
    if (entry.isFile) return [[path + entry.name, await new Promise((yes, no) => entry.file(yes, no))]];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((yes, no) => reader.readEntries(yes, no));
      if (!some.length) break;
      for (const each of some) found.push(...(await within(each, `${path}${entry.name}/`)));
    }
    return found;
  };

  const send = async ([name, file]) => {
    const response = await fetch(address(`/${job}/files?name=${encodeURIComponent(name)}`), {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: file,
    });
    if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail || response.statusText);
  };

  const bring = async (files) => {
    if (!files.length) return;
    stopped = false;
    $("#stop-bringing").hidden = false;
    $("#read-again").hidden = true;
    try {
      const begun = await (await fetch(address(""), json)).json();
      if (begun.detail) throw new Error(begun.detail);
      job = begun.id;
      const waiting = [...files];
      const shown = setInterval(progress, 500);
      const hands = Array.from({ length: 4 }, async () => {
        while (waiting.length && !stopped) await send(waiting.shift());
      });
      await Promise.all(hands).finally(() => clearInterval(shown));
      if (!stopped) await read();
    } catch (error) {
      if (!stopped) say(error.message);
    }
    over();
  };

  const read = async () => {
    await fetch(address(`/${job}/read`), json);
    while ((await progress()) === "reading") await new Promise((over) => setTimeout(over, 700));
  };

  const over = () => {
    $("#stop-bringing").hidden = true;
    const state = $("#brought [data-state]");
    if (!state) return;
    if (state.dataset.state === "done") $("#show-brought").hidden = false;
    $("#read-again").hidden = !("again" in state.dataset);
  };

  // What was sent is still there: the reading failed for a reason that may have passed.
  const again = async () => {
    $("#read-again").hidden = true;
    $("#stop-bringing").hidden = false;
    await read().catch((error) => say(error.message));
    over();
  };

  const stop = async () => {
    stopped = true;
    if (job) await fetch(address(`/${job}/stop`), json).catch(() => null);
    await progress();
  };

  document.addEventListener("change", (event) => {
    const field = event.target.closest(".bring input[type=file]");
    if (field) bring([...field.files].map((file) => [file.webkitRelativePath || file.name, file]));
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#stop-bringing")) stop();
    if (event.target.closest("#read-again")) again();
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, async (event) => {
      const zone = $(".bring");
      if (!zone || !event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind !== "drop") return;
      const plain = [...event.dataTransfer.files].map((file) => [file.name, file]);
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      bring(entries.length ? (await Promise.all(entries.map((entry) => within(entry, "")))).flat() : plain);
    });
  }
})();
