// Fetches the page again when the platform says that something changed.
const changes = new EventSource("/live");
let busy = false;
let again = false;

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch("/", { headers: { accept: "text/html" } });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(fresh.querySelector("main"));
    }
  } finally {
    busy = false;
  }
  if (again) {
    again = false;
    await refresh();
  }
}

changes.addEventListener("message", refresh);
changes.addEventListener("open", () => {
  document.documentElement.dataset.live = "yes";
  refresh();
});
changes.addEventListener("error", () => {
  document.documentElement.dataset.live = "no";
});
