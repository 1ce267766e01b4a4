// What the agent's pages do by themselves: forms that ask the model, figures that stay fresh, examples that can be copied.

/** How often figures are fetched while somebody looks. */
const REFRESH_MS = 2_000;

for (const form of document.querySelectorAll("form[data-predict]")) {
  const answer = form.querySelector("pre");
  const ask = async (body, headers = {}) => {
    answer.textContent = "…";
    const startedMs = performance.now();
    try {
      const response = await fetch(form.action, { method: "POST", body, headers });
      const text = await response.text();
      const ms = (performance.now() - startedMs).toFixed(1);
      answer.textContent = `${response.status} in ${ms} ms\n${pretty(text)}`;
    } catch (error) {
      answer.textContent = `The agent did not answer: ${error.message}`;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form.elements.body.value);
  });
  form.elements.file?.addEventListener("change", ({ target }) => {
    const [file] = target.files;
    if (file) ask(file, { "content-type": file.type });
  });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const code = document.getElementById(button.dataset.of);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // Over plain HTTP from another machine a page may not write to the clipboard: the text is selected instead.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected: press Ctrl-C";
    }
  });
}

const figures = document.querySelectorAll("[data-slot]");

async function refresh() {
  if (!document.hidden) {
    try {
      const { slots } = await (await fetch("/figures")).json();
      for (const place of figures) show(place, slots[place.dataset.slot]);
    } catch {
      for (const place of figures) show(place, undefined);
    }
  }
  setTimeout(refresh, REFRESH_MS);
}

function show(place, figure) {
  const texts = {
    rate: figure?.requestsPerSecond.toFixed(1),
    p95: figure?.p95Ms === undefined ? undefined : `${figure.p95Ms.toFixed(2)} ms`,
    answered: figure?.answered.toLocaleString("en"),
    failed: figure?.failed.toLocaleString("en"),
  };
  for (const [name, text] of Object.entries(texts)) {
    place.querySelector(`[data-figure="${name}"]`).textContent = text ?? "–";
  }
}

if (figures.length > 0) refresh();
