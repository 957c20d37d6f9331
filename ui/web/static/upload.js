// Uploads: the files that are dropped or chosen are sent to the API in one request, and their job is followed until it
// has ended. The browser keeps the upload's idempotency key, so that the page still follows it after a reload.
(() => {
  const ENDED = ["done", "failed", "stopped"];
  const KEY_MILLISECONDS = 3600 * 1000; // the least for which the server remembers the key of a job that has ended
  const ATTEMPTS = 3;
  const FILES_AT_ONCE = 100;
  const $ = (selector) => document.querySelector(selector);
  const pause = (milliseconds) => new Promise((over) => setTimeout(over, milliseconds));
  const texts = $("#upload-status").dataset;
  const collection = $("main.collection").dataset.collection;
  const stored = `jawab_upload_${collection}`;
  const storage = (() => {
    try {
      return localStorage;
    } catch {
      return null; // the browser keeps nothing for this site
    }
  })();
  let key = storage?.getItem(stored);
  let files = [];
  let sending = null;
  let stopped = false;
  let retryable = false;

  const say = (text) => {
    const line = document.createElement("p");
    // A path keeps its order in a sentence of either direction.
    for (const part of text.split(/((?<!\S)\/\S+)/)) {
      const piece = document.createElement(part.startsWith("/") ? "bdi" : "span");
      piece.textContent = part;
      line.append(piece);
    }
    $("#upload-status").replaceChildren(line);
  };

  const refused = async (response) => {
    const problem = await response.json().catch(() => ({}));
    retryable = Boolean(problem.retryable);
    return new Error(problem.detail || response.statusText);
  };

  // Shows the status and returns the state: "unknown" if the server has no such upload, null while it does not answer.
  const update = async () => {
    const response = await fetch(`/page/uploads/${key}?in=${document.documentElement.lang}`).catch(() => null);
    if (!response || response.status >= 500) return null;
    if (response.status === 204) return "unknown";
    if (!response.ok) throw await refused(response);
    $("#upload-status").innerHTML = await response.text();
    const { state, job, retryable: again } = $("#upload-status [data-state]").dataset;
    retryable = again !== undefined;
    if (stopped && job && !ENDED.includes(state)) {
      await fetch(`/v1/jobs/${job}/stop`, { method: "POST" }).catch(() => null);
    }
    return state;
  };

  const follow = async () => {
    for (let state = await update(); !ENDED.includes(state); state = await update()) {
      if (state === "unknown") {
        if (Date.now() - Number.parseInt(key) < KEY_MILLISECONDS) say(stopped ? texts.stopped : texts.interrupted);
        retryable = !stopped;
        return;
      }
      await pause(500);
    }
  };

  // The files as a form. `FormData` would do the same, but the browser then looks at all files at once, during which
  // the page stands still: many seconds for ten thousand.
  const encode = async () => {
    const boundary = `upload-${key}`;
    const head = (name) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="files"; filename="${name.replace(/["\r\n]/g, encodeURIComponent)}"\r\n\r\n`;
    const parts = [];
    for (let at = 0; at < files.length && !stopped; at += FILES_AT_ONCE) {
      const some = files.slice(at, at + FILES_AT_ONCE);
      parts.push(new Blob(some.flatMap(([name, file]) => [head(name), file, "\r\n"])));
      await pause(0);
    }
    return new Blob([...parts, `--${boundary}--\r\n`], { type: `multipart/form-data; boundary=${boundary}` });
  };

  // Sends all files. A request that breaks off is sent again with the same key: whatever the server has received
  // already, it is one upload.
  const send = async () => {
    const body = await encode();
    const request = { method: "POST", body, headers: { "idempotency-key": key }, signal: sending.signal };
    for (let attempt = 0; attempt < ATTEMPTS && !stopped; attempt += 1) {
      const response = await fetch(`/v1/articles?collection=${collection}`, request).catch(() => null);
      if (response && response.ok) return;
      // 409: the server has not noticed yet that the attempt before broke off.
      if (response && response.status !== 409) throw await refused(response);
      do await pause(1000);
      while (!stopped && !(await fetch("/health").catch(() => null)));
    }
  };

  const upload = async () => {
    sending = new AbortController();
    let over = false;
    const sent = send().finally(() => (over = true));
    while (!over) {
      await Promise.race([sent.catch(() => null), pause(500)]);
      if (!over) await update();
    }
    sending = null;
    await sent;
    await pause(200); // until a worker has the job
    await follow();
  };

  const run = async (work) => {
    stopped = false;
    retryable = false;
    $("#stop-upload").hidden = false;
    for (const part of ["#retry-upload", "#show-uploaded", "#files-kept"]) $(part).hidden = true;
    await work().catch((error) => say(error.message));
    storage?.removeItem(stored);
    key = sending = null;
    const status = $("#upload-status [data-state]");
    $("#stop-upload").hidden = $("#upload-in-progress").hidden = true;
    $("#show-uploaded").hidden = !status || status.dataset.state !== "done";
    $("#retry-upload").hidden = $("#files-kept").hidden = !(retryable && files.length);
  };

  const begin = (chosen) => {
    $("#upload-in-progress").hidden = !key;
    if (key || !chosen.length) return;
    files = chosen;
    key = `${Date.now()}-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    storage?.setItem(stored, key);
    say(texts.sending);
    run(upload);
  };

  const stop = async () => {
    stopped = true;
    if (sending) sending.abort();
    else await update().catch(() => null);
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

  document.addEventListener("change", (event) => {
    const field = event.target.closest(".upload input[type=file]");
    if (field) begin([...field.files].map((file) => [file.webkitRelativePath || file.name, file]));
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#stop-upload")) stop();
    if (event.target.closest("#retry-upload")) begin(files);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, async (event) => {
      const zone = $(".upload");
      if (!zone || !event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.toggle("over", kind === "dragover");
      if (kind !== "drop") return;
      const plain = [...event.dataTransfer.files].map((file) => [file.name, file]);
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
      begin(entries.length ? (await Promise.all(entries.map((entry) => within(entry, "")))).flat() : plain);
    });
  }
  window.addEventListener("beforeunload", (event) => {
    if (sending) event.preventDefault();
  });
  if (key) run(follow);
})();
