// The collection's page: articles taken out and brought back, and the other language.
(() => {
  let taken = null;

  const tell = async (what) => {
    const response = await fetch("/page/articles", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(what),
    }).catch(() => null);
    return Boolean(response && response.ok);
  };

  const take = async (row) => {
    if (!(await tell({ do: "remove", id: row.dataset.article }))) return;
    taken = row;
    row.hidden = true;
    document.querySelector("#taken").hidden = false;
    document.querySelector("#taken button").focus();
  };

  const bringBack = async () => {
    document.querySelector("#taken").hidden = true;
    if (!taken || !(await tell({ do: "restore", id: taken.dataset.article }))) return;
    taken.hidden = false;
    taken.querySelector(".remove").focus();
    taken = null;
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest(".shelf .remove")) take(event.target.closest("li"));
    else if (event.target.closest("#taken button")) bringBack();
    else if (event.target.closest("#switch")) {
      const other = document.documentElement.lang === "ar" ? "en" : "ar";
      document.cookie = `jawab_language=${other}; path=/; max-age=157680000; samesite=lax`;
      location.reload();
    }
  });
})();
